/**
 * Owns the part of DocSpace that the programs use, documents and rooms, and the truth about what
 * they send to it.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Traffic } from '../../traffic.js';
import type { Account } from './account.js';
import type { Authentication } from './authentication.js';
import { Bare, Invalid, success } from './envelope.js';

/** Scopes by path, from AuthorizationExtension.ScopesMap. */
const FILES_WRITE = ['files:write', '*:write'] as const;
const ROOMS_READ = ['rooms:read', 'rooms:write', '*:read', '*:write'] as const;

const NewFile = z.object({ title: z.string().min(1) });

export function serveDocuments(app: FastifyInstance, account: Account, authentication: Authentication, traffic: Traffic): void {
  let files = 0;

  /**
   * What a dead or a weak key is refused is lost: the programs do not send it again. One that must
   * wait has sent nothing yet.
   */
  const receive = (request: FastifyRequest, reply: FastifyReply, scopes: readonly string[]) => {
    const app = /^[\w-]+/.exec(request.headers['user-agent'] ?? '')?.[0] ?? '';
    try {
      const { user } = authentication.caller(request, reply, scopes);
      traffic.count(app, 'sent', 'accepted');
      return user;
    } catch (error) {
      if (!(error instanceof Bare) || error.statusCode !== 429) traffic.count(app, 'sent', 'refused', 'lost');
      throw error;
    }
  };

  app.post('/api/2.0/files/@my/file', async (request, reply) => {
    const user = receive(request, reply, FILES_WRITE);
    const file = NewFile.safeParse(JSON.parse(String(request.body)));
    if (!file.success) throw new Invalid({ title: ['The title field is required.'] });
    files += 1;
    return success(request, { id: files, title: file.data.title, createdBy: { id: user.id, displayName: user.displayName } });
  });

  app.get('/api/2.0/files/rooms', async (request, reply) => {
    receive(request, reply, ROOMS_READ);
    return success(request, {
      folders: account.state.users.map(({ displayName }) => ({ title: `Room of ${displayName}` })),
      files: [],
    });
  });
}
