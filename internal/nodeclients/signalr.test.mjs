// @microsoft/signalr as the client of the simulator's event stream. The environment has
// EVENTS, CONTROL, API, SITE, LOCK, TOKEN and USER_TOKEN (of a plain site user whose id is
// USER_ID).

import assert from 'node:assert/strict';
import test from 'node:test';
import { HttpTransportType, HubConnectionBuilder, HubConnectionState, LogLevel } from '@microsoft/signalr';

const { EVENTS, CONTROL, API, SITE, LOCK, TOKEN, USER_TOKEN, USER_ID } = process.env;

const connect = (transport, { token = TOKEN, query = '', skipNegotiation = false } = {}) => new HubConnectionBuilder()
  .withUrl(`${EVENTS}/v1/hub/entries?site_id=${SITE}${query}`, { accessTokenFactory: () => token, transport, skipNegotiation })
  .configureLogging(LogLevel.None)
  .build();

const next = (connection) => new Promise((resolve) => {
  connection.on('ReceiveMessage', (text) => {
    connection.off('ReceiveMessage');
    resolve(JSON.parse(text));
  });
});

async function unlock() {
  const response = await fetch(`${API}/v1.2/sites/${SITE}/locks/${LOCK}/locking`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ locked_state: 'unlocked' }),
  });
  assert.equal(response.status, 200);
}

const transports = {
  WebSockets: HttpTransportType.WebSockets,
  ServerSentEvents: HttpTransportType.ServerSentEvents,
  LongPolling: HttpTransportType.LongPolling,
};

for (const [name, transport] of Object.entries(transports)) {
  test(`entries by ${name}`, async () => {
    const connection = connect(transport);
    await connection.start();
    for (let n = 0; n < 3; n++) {
      const message = next(connection);
      await unlock();
      const entry = await message;
      assert.equal(entry.event_category, 'lock_opened');
      assert.equal(entry.access_by, 'remote');
      assert.equal(entry.lock_id, LOCK);
    }
    const closed = new Promise((resolve) => connection.onclose(resolve));
    await connection.stop();
    assert.equal(await closed, undefined);
  });
}

test('the client chooses a transport from the negotiation', async () => {
  const connection = connect(undefined);
  await connection.start();
  const message = next(connection);
  await unlock();
  assert.equal((await message).lock_id, LOCK);
  await connection.stop();
});

test('WebSockets without a negotiation', async () => {
  const connection = connect(HttpTransportType.WebSockets, { skipNegotiation: true });
  await connection.start();
  assert.equal(connection.state, HubConnectionState.Connected);
  await connection.stop();
});

test('a method that does not exist', async () => {
  const connection = connect(HttpTransportType.WebSockets);
  await connection.start();
  await assert.rejects(connection.invoke('Nothing'), /Method does not exist/);
  assert.equal(connection.state, HubConnectionState.Connected);
  await connection.stop();
});

test('a token that is not valid', async () => {
  for (const transport of Object.values(transports)) {
    await assert.rejects(connect(transport, { token: 'stale' }).start(), /401/);
  }
});

test('a site user receives only their own entries', async () => {
  await assert.rejects(connect(undefined, { token: USER_TOKEN }).start(), /403/);
  const connection = connect(undefined, { token: USER_TOKEN, query: `&user_id=${USER_ID}` });
  await connection.start();
  const received = [];
  connection.on('ReceiveMessage', (text) => received.push(JSON.parse(text)));
  const admin = connect(undefined);
  await admin.start();
  const message = next(admin);
  await unlock(); // of the administrator
  await message;
  assert.deepEqual(received, []);
  await admin.stop();
  await connection.stop();
});

test('the server ends the connection', async () => {
  for (const transport of Object.values(transports)) {
    const connection = connect(transport);
    await connection.start();
    const closed = new Promise((resolve) => connection.onclose(resolve));
    const response = await fetch(`${CONTROL}/reset`, { method: 'POST' });
    assert.equal(response.status, 200);
    await closed;
  }
});
