/**
 * Owns the command by which an operator, or rekey, restarts a program on a machine of the sandbox
 * or asks what it is running on.
 */
import http from 'node:http';

/** As `systemctl status` does. */
const NOT_RUNNING = 3;

const [control, verb, app] = process.argv.slice(2);
if (!control || !app || (verb !== 'restart' && verb !== 'status')) {
  process.stderr.write('Usage: node dist/sandbox/ctl.js CONTROL-URL restart|status APP\n');
  process.exit(2);
}

const headers = process.env.REKEY_USER_AGENT ? { 'user-agent': process.env.REKEY_USER_AGENT } : {};
const request = http.request(`${control}/hosts/apps/${encodeURIComponent(app)}/${verb}`, {
  method: verb === 'restart' ? 'POST' : 'GET',
  headers,
});
request.on('error', (error) => fail(`${control} does not answer: ${error.message}\n`));
request.on('response', async (response) => {
  let text = '';
  try {
    for await (const piece of response.setEncoding('utf8')) text += piece;
  } catch {
    fail(`${control} broke off its answer\n`);
  }
  if (response.statusCode === 200) process.stdout.write(text);
  else
    fail(
      text || `${verb} ${app} was answered ${response.statusCode}\n`,
      response.statusCode === 410 && verb === 'status' ? NOT_RUNNING : 1,
    );
});
request.end();

function fail(message: string, code = 1): never {
  process.stderr.write(message);
  process.exit(code);
}
