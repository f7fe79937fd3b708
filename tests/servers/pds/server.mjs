// Bluesky's own personal data server on 127.0.0.1, and the directory of did:plc that it needs, with one account.
// Prints one JSON line when it listens. Ends when standard input closes or on SIGTERM; its folder goes too.
// Nothing here calls anybody outside: no crawler, no AppView, no mail.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const folder = mkdtempSync(join(tmpdir(), 'reveille-test-'))
const end = () => {
  rmSync(folder, { recursive: true, force: true })
  process.exit(0)
}
process.on('SIGTERM', end)
process.on('SIGINT', end)
process.stdin.on('end', end).resume()

const installed = createRequire(join(resolve(process.argv[2]), 'package.json'))
const { PDS, readEnv, envToCfg, envToSecrets } = installed('@atproto/pds')
const plc = createRequire(installed.resolve('@atproto/pds'))('@did-plc/lib')

const listen = async (answer) => {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server.address().port
}

// The directory: the last operation of each DID, of which the library makes the document. Only the server below writes to it.
const operations = new Map()
const directory = await listen(async (request, response) => {
  const [did, kind] = decodeURIComponent(request.url).slice(1).split('/')
  const send = (status, value) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(value))
  }
  if (request.method === 'POST') {
    const parts = []
    for await (const part of request) parts.push(part)
    operations.set(did, JSON.parse(Buffer.concat(parts)))
    return send(200, {})
  }
  const last = operations.get(did)
  if (!last) return send(404, { message: `DID not registered: ${did}` })
  if (kind === 'log') return send(200, last)
  const data = plc.opToData(did, last)
  return send(200, kind === 'data' ? data : await plc.formatDidDoc(data))
})

// The server listens before it is made, for it must know its port, and a port that was free may not be so later.
let app = (_, response) => response.writeHead(503).end()
const port = await listen((request, response) => app(request, response))
mkdirSync(join(folder, 'blobs'))
for (const name of Object.keys(process.env)) if (name.startsWith('PDS_')) delete process.env[name]
Object.assign(process.env, {
  LOG_ENABLED: 'false',
  PDS_HOSTNAME: 'localhost',
  PDS_PORT: String(port),
  PDS_DEV_MODE: 'true',
  PDS_DISABLE_SSRF_PROTECTION: 'true',
  PDS_DATA_DIRECTORY: folder,
  PDS_BLOBSTORE_DISK_LOCATION: join(folder, 'blobs'),
  PDS_DID_PLC_URL: `http://127.0.0.1:${directory}`,
  PDS_SERVICE_HANDLE_DOMAINS: '.test',
  PDS_INVITE_REQUIRED: 'false',
  PDS_ADMIN_PASSWORD: randomBytes(16).toString('hex'),
  PDS_JWT_SECRET: randomBytes(16).toString('hex'),
  PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX: randomBytes(32).toString('hex'),
})
const environment = readEnv()
const pds = await PDS.create(envToCfg(environment), envToSecrets(environment))
await pds.ctx.sequencer.start()
app = pds.app

const url = `http://localhost:${port}`
const call = async (name, body, token) => {
  const authorization = token ? { authorization: `Bearer ${token}` } : {}
  const headers = { 'content-type': 'application/json', ...authorization }
  const response = await fetch(`${url}/xrpc/${name}`, { method: 'POST', headers, body: JSON.stringify(body) })
  const answer = await response.json()
  if (!response.ok) throw new Error(`${name}: ${response.status} ${JSON.stringify(answer)}`)
  return answer
}
const handle = 'letter.test'
const password = 'test-password-of-the-letter'
const account = await call('com.atproto.server.createAccount', { handle, email: 'letter@letter.test', password })
const app_password = (await call('com.atproto.server.createAppPassword', { name: 'tests' }, account.accessJwt)).password
console.log(JSON.stringify({ url, handle, did: account.did, password, app_password, folder }))
