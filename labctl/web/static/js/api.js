// Asks the server: JSON in, JSON out; curves in binary; a refusal becomes an error with the server's own sentence.

const ROOT = "/api/v1";
let known = null;

/** What the server refused or could not do. `kind` is a word that the page acts upon, `token-wanted` for one. */
export class Refused extends Error {
  constructor(sentence, status = 0, kind = "about:blank") {
    super(sentence);
    Object.assign(this, { status, kind });
  }
}

/** Read something. */
export async function get(path, signal) {
  return (await checked(ask(path, { signal }))).json();
}

/** Ask for something to be done; the session is read again once if its token has aged. */
export async function post(path, body) {
  known ??= await session();
  try {
    return await send(path, body);
  } catch (refusal) {
    if (refusal.kind !== "csrf") throw refusal;
    await session();
    return send(path, body);
  }
}

/** What this viewer may do. */
export async function session() {
  known = await get("/session");
  return known;
}

/** Begin a session, or show that the person who began it is still there. */
export async function giveToken(token) {
  const reply = await checked(ask("/session", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ token }),
  }));
  known = await reply.json();
  return known;
}

/**
 * Curves of a run: `{header, columns}`, each column a Float64Array under its name.
 *
 * Between two segments there is a point whose values are NaN. The body is `LSR1`, the length L of the header as uint32, L bytes of JSON, then Float64 values, little-endian.
 */
export async function series(run, { y = "voltage,current", from, to, points, signal } = {}) {
  const query = new URLSearchParams({ y, points: String(points) });
  if (from !== undefined) query.set("from", from);
  if (to !== undefined) query.set("to", to);
  const body = await (await checked(ask(`/runs/${run}/series?${query}`, { signal }))).arrayBuffer();
  const size = new DataView(body).getUint32(4, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(body, 8, size)));
  const columns = {};
  header.columns.forEach(({ name }, place) => {
    columns[name] = new Float64Array(body, 8 + size + place * header.length * 8, header.length);
  });
  return { header, columns };
}

/** A column as a plot takes it: null where a line is broken. */
export function drawable(column) {
  return Array.from(column, (value) => (Number.isNaN(value) ? null : value));
}

async function send(path, body) {
  const reply = await checked(ask(path, {
    method: "POST", headers: { "Content-Type": "application/json", "X-CSRF-Token": known.csrf }, body: JSON.stringify(body),
  }));
  return reply.json();
}

async function ask(path, options) {
  try {
    return await fetch(ROOT + path, { credentials: "same-origin", ...options });
  } catch (failure) {
    if (failure.name === "AbortError") throw failure;
    throw new Refused("the dashboard's server does not answer; the cells go on without it");
  }
}

async function checked(asked) {
  const reply = await asked;
  if (reply.ok) return reply;
  let problem = {};
  try {
    problem = await reply.json();
  } catch { /* a proxy's page, not ours */ }
  throw new Refused(problem.detail ?? `the server answered ${reply.status}`, reply.status, problem.type);
}
