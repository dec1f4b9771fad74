// A real OpenID provider (npm's oidc-provider): whoever types a name is signed in by it; what is known of people is read anew each time.
// node provider.mjs PEOPLE.json
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import Provider from 'oidc-provider';

const people = () => JSON.parse(readFileSync(process.argv[2], 'utf8'));
const server = createServer();
server.listen(0, 'localhost', () => {
  const issuer = `http://localhost:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'nightcrew',
      client_secret: 'a secret: with / signs',
      application_type: 'native',
      grant_types: ['authorization_code'],
      response_types: ['code'],
      // Of a native client any port of this machine is right.
      redirect_uris: ['http://127.0.0.1/enter/oidc/callback'],
    }],
    pkce: { required: () => true },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['preferred_username', 'groups'] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...people()[id] }) }),
    cookies: { keys: ['for tests'] },
  });
  server.on('request', provider.callback());
  console.log(issuer);
});
