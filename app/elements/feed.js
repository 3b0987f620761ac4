// The browser's end of app/live/feed.py: one request a second for everything live on the page, and none while nobody looks.
// A watcher has asks() -> what it has, or null when it wants nothing; took(bytes or null); failed(error); settled() -> a promise
// of when drawing began and ended, or of nothing; top() -> where it is on the page.
const TICK = 1000;  // ms between two looks
const REST = 2.6;  // times as long as a round drew: drawing never takes more than 28 % of a core
const SLOWEST = 15_000;  // ms between two looks at a server that does not answer
const PATIENCE = 60_000;  // ms after which an answer is given up and asked for again: a connection may be dead without a word

const makeFeed = () => {
  const watchers = new Set();
  let timer = 0, busy = false, failures = 0, hurry = false;
  const give = (watcher, part) => {  // a fault of one must not keep the others from what is theirs
    try { watcher.took(part); } catch (error) { reportError(error); watcher.failed?.(error); }
  };
  const plan = (wait) => { clearTimeout(timer); timer = setTimeout(look, wait); };
  async function look() {
    if (busy) { hurry = true; return; }
    const asked = document.hidden ? [] : [...watchers].map((w) => [w, w.asks()]).filter(([, ask]) => ask)
      .sort(([a], [b]) => (a.top?.() ?? 0) - (b.top?.() ?? 0));  // what is higher on the page is drawn before
    const began = performance.now();
    let drawing = 0;
    if (asked.length) {
      busy = true;
      const limit = new AbortController(), giveUp = setTimeout(() => limit.abort(new Error("the server does not answer")), PATIENCE);
      try {
        const body = JSON.stringify(asked.map(([, ask]) => ask));
        const answer = await fetch(new URL("showdown/feed", document.baseURI), { method: "POST", body, signal: limit.signal });
        if (!answer.ok) throw new Error(`the server said ${answer.status}`);
        const parts = split(new Uint8Array(await answer.arrayBuffer()));
        failures = 0;
        asked.forEach(([w], i) => give(w, parts[i]));
        const drew = (await Promise.all(asked.map(([w]) => w.settled?.()))).filter(Boolean);  // side by side
        if (drew.length) drawing = Math.max(...drew.map(([, end]) => end)) - Math.min(...drew.map(([begin]) => begin));
      } catch (error) {
        failures += 1;
        for (const [w] of asked) w.failed?.(error);
      }
      clearTimeout(giveUp);
      busy = false;
    }
    const took = performance.now() - began;
    plan(hurry ? 0 : Math.min(SLOWEST, Math.max(TICK - took, REST * drawing) * 2 ** failures));
    hurry = false;
  }
  document.addEventListener("visibilitychange", () => { if (!document.hidden) plan(0); });
  plan(TICK);
  return {
    add: (watcher) => { watchers.add(watcher); },
    remove: (watcher) => { watchers.delete(watcher); },
    soon: () => { if (busy) hurry = true; else plan(20); },  // a page's cards come one by one: they ask together
  };
};

// uint32 length and so many bytes, again and again; null for what has nothing new.
const split = (bytes) => {
  const parts = [], view = new DataView(bytes.buffer, bytes.byteOffset);
  for (let at = 0; at < bytes.length;) {
    const size = view.getUint32(at, true);
    parts.push(size ? bytes.subarray(at + 4, at + 4 + size) : null);
    at += 4 + size;
  }
  return parts;
};
const feed = () => (window.showdownFeed ??= makeFeed());
