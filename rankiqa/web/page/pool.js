// Workers, each with a network of its own on one core, or on several where the page is cross-origin isolated.

import { Refusal } from "./server.js";

const MOST = 4; // workers, and threads of each
const LITTLE = 4; // gigabytes of a device (navigator.deviceMemory) with which there are only two
const DEEP = 2; // images that a worker has at once: one is computed, one is decoded

const bounded = (value) => Math.max(1, Math.min(MOST, Math.floor(value)));
const cores = navigator.hardwareConcurrency || 2;
const count = Math.min(bounded(cores / 2), (navigator.deviceMemory ?? MOST * 2) <= LITTLE ? 2 : MOST);
export const AT_ONCE = DEEP * count;

export class Pool {
  /** `settings` is the first message to each worker: model, wasm, glue, about. */
  constructor(settings) {
    this.settings = { ...settings, threads: globalThis.crossOriginIsolated ? bounded(cores / count) : 1 };
    this.workers = [];
    this.number = 0;
  }

  /** Start all workers but the first, one after the other. */
  async startOthers() {
    for (let more = 1; more < count; more += 1) await this.startOne().catch(() => {}); // no memory for it
  }

  startOne() {
    const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    const member = { worker, jobs: new Map() };
    return new Promise((resolve, reject) => {
      const fail = (why) => {
        if (this.workers.includes(member)) this.renew(member);
        else worker.terminate();
        for (const job of member.jobs.values()) job.reject(new Refusal(500, why));
        reject(new Refusal(0, why));
      };
      worker.addEventListener("error", (event) => fail(event.message ?? "the worker failed"));
      worker.addEventListener("message", ({ data }) => {
        if (data.failed) fail(data.failed);
        else if (data.ready) {
          this.workers.push(member);
          resolve();
        } else this.end(member, data);
      });
      worker.postMessage(this.settings);
    });
  }

  /** What a worker answers to {kind, file, ...}. Rejects by a Refusal, or as `signal` says. */
  run(message, signal) {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const job = { message: { ...message, id: this.number++ }, resolve, reject };
      this.give(job);
      signal?.addEventListener("abort", () => {
        const { id } = job.message;
        this.workers.find(({ jobs }) => jobs.has(id))?.worker.postMessage({ drop: id });
        reject(signal.reason);
      }, { once: true });
    });
  }

  give(job) {
    const member = this.workers.toSorted((one, other) => one.jobs.size - other.jobs.size)[0];
    if (!member) {
      this.fresh.then(() => this.give(job), job.reject);
      return;
    }
    member.jobs.set(job.message.id, job);
    member.worker.postMessage(job.message);
  }

  end(member, { id, error, detail, ...answer }) {
    const job = member.jobs.get(id);
    member.jobs.delete(id);
    if (error) job.reject(new Refusal(error, detail));
    else job.resolve(answer);
    if (error !== 500) return;
    // A network that has run out of memory may fail from then on; its other images are judged by a new one.
    this.renew(member);
    for (const other of member.jobs.values()) this.fresh.then(() => this.give(other), other.reject);
  }

  /** Put a new worker in the place of one that has failed. */
  renew(member) {
    member.worker.terminate();
    this.workers = this.workers.filter((one) => one !== member);
    this.fresh = this.startOne();
    this.fresh.catch(() => {}); // whoever waits for it hears of it
  }
}
