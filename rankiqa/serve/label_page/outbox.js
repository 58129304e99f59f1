// Answers on their way to the server: one after the other, kept in this browser until the server has each.

const AGAIN = 1000; // milliseconds until an answer that found no server is sent again

/** What the server says no to: its status and its words. */
export class Refusal extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** Ask the server; raises Refusal, with status 0 where it can't be reached. */
export async function ask(path, sent) {
  let answer;
  const headers = { "Content-Type": "application/json" };
  try {
    answer = await fetch(path, sent ? { method: "POST", headers, body: JSON.stringify(sent) } : {});
  } catch (error) {
    throw new Refusal(0, String(error));
  }
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refusal(answer.status, said.detail ?? answer.statusText);
  return said;
}

export class Outbox {
  /**
   * `key` names it in this browser; `complete` adds to an item what is only known when it is sent; `ondone` hears
   * of each answer of the server, with its item, `onwait` of whether the server is awaited, `onlost` of a refusal.
   */
  constructor(key, { complete, ondone, onwait, onlost }) {
    Object.assign(this, { key, complete, ondone, onwait, onlost });
    this.items = JSON.parse(localStorage.getItem(key) ?? "[]");
    this.running = false;
  }

  /** By how many the answers that stand will grow. */
  get growth() {
    return this.items.reduce((sum, item) => sum + (item.path === "v1/label/undo" ? -1 : 1), 0);
  }

  add(item) {
    this.items.push(item);
    this.keep();
    this.pump();
  }

  keep() {
    localStorage.setItem(this.key, JSON.stringify(this.items));
  }

  async pump() {
    if (this.running) return;
    this.running = true;
    while (this.items.length) {
      const [item] = this.items;
      let said = null;
      try {
        said = await ask(item.path, { ...item.sent, ...this.complete() });
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        if (error.status === 0 || error.status === 429 || error.status >= 500) {
          this.onwait(true);
          await new Promise((resolve) => setTimeout(resolve, AGAIN));
          continue;
        }
        this.onlost(error);
      }
      this.onwait(false);
      this.items.shift();
      this.keep();
      if (said) this.ondone(said, item);
    }
    this.running = false;
  }
}
