/**
 * A program that takes its key by rekey's webhooks, without a restart; the whole receiver stands in
 * this file. Put TLS in front of it.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';

const { PORT = '8080', NAME = 'invoices', KEY_FILE = 'key', SIGNING_KEY_FILE = 'signing-key' } = process.env;
const read = (file) => (existsSync(file) ? readFileSync(file, 'utf8').trim() : '');
let key = read(KEY_FILE); // what the program works with
const fences = JSON.parse(read(`${KEY_FILE}.fences`) || '{}');

function write(file, text) {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file); // whole or not at all
}

function fingerprint(secret) {
  const bits = createHash('sha256').update(`rekey:v1:${secret}`).digest('hex').slice(0, 15);
  const digits = BigInt(`0x${bits}`).toString(32).padStart(12, '0');
  return secret && digits.replace(/./g, (digit) => 'abcdefghijklmnopqrstuvwxyz234567'[Number.parseInt(digit, 32)]);
}

function isSigned({ 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': signature = '' }, body) {
  const own = createHmac('sha256', read(SIGNING_KEY_FILE)).update(`${id}.${time}.${body}`).digest();
  const given = Buffer.from(signature.replace(/^v1,/, ''), 'base64');
  return Math.abs(Date.now() / 1000 - time) <= 300 && given.length === own.length && timingSafeEqual(given, own);
}

const answers = {
  identify: () => [200, { identity: `the receiver of ${NAME}` }],
  inspect() {
    const instances = [{ id: `${process.pid}`, fingerprint: fingerprint(key) || null, evidence: 'uses' }];
    return [200, { state: 'running', healthy: true, source: fingerprint(read(KEY_FILE)) || null, instances }];
  },
  deliver({ ledger, fence, secret }) {
    if (fence < (fences[ledger] ?? 0)) return [409, { error: 'a newer hand-out was here', fence: fences[ledger] }];
    fences[ledger] = fence;
    write(`${KEY_FILE}.fences`, JSON.stringify(fences)); // before the key, so that no older one can come in between
    write(KEY_FILE, secret);
    return [200, {}];
  },
  apply() {
    key = read(KEY_FILE); // where this is a restart, remember `webhook-id`: the same one again asks for nothing new
    return [200, {}];
  },
};

const server = createServer(async (request, response) => {
  const reply = (status, body) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  try {
    const body = Buffer.concat(await request.toArray()).toString('utf8');
    if (!isSigned(request.headers, body)) return reply(401, { error: 'not signed with our key, or not now' });
    const message = JSON.parse(body);
    if (message.type !== 'identify' && message.consumer !== NAME) return reply(404, { error: 'no such program' });
    reply(...(answers[message.type]?.(message) ?? [400, { error: 'no such request' }]));
  } catch {
    reply(500, { error: 'it failed; ask again' });
  }
});
server.listen(Number(PORT), '127.0.0.1', () => console.log(`listening on ${server.address().port}`));
