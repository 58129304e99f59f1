// What answers: a server, or in the page without one the visitor's own device. What it said of itself at the start.

export const server = { model: null, limits: null };

/** Why there is no answer: its status (0: nothing is reached), its words, its rows if there are some. */
export class Refusal extends Error {
  constructor(status, detail, rows = null) {
    super(detail);
    this.status = status;
    this.rows = rows;
  }
}

/** Worst and best score of the model's scale; null where it has none. */
export function ends() {
  const { num_classes: ratings, score_range: range } = server.model;
  return ratings > 1 ? [1, ratings] : range;
}
