// What the outputs of the network say: rankiqa/score.py, rankiqa/reasons.py and rankiqa/intervals.py.

const THRESHOLD = 0.5; // the probability from which on a family of damage is named
const MOST = 3; // reasons per image

/** The row of an image from its crops' outputs: [{logits (N), reasons (K), severities (K)}], the last two maybe missing. */
export function rowOf(outputs, spec) {
  const shares = spec.num_classes > 1 ? mean(outputs.map(({ logits }) => softmax(logits))) : null;
  const score = shares ? expectation(shares) : mean(outputs.map(({ logits }) => logits))[0];
  const ratings = shares && Math.sqrt(shares.reduce((sum, share, place) => sum + share * (place + 1 - score) ** 2, 0));
  const crops = outputs.map(scoreOf);
  const middle = mean(crops.map((one) => [one]))[0];
  const spread = Math.sqrt(mean(crops.map((one) => [(one - middle) ** 2]))[0]);
  const [low, high] = interval({ score, ratings, crops: spread }, spec) ?? [null, null];
  return {
    score,
    percentile: percentile(score, spec.score_percentiles),
    low,
    high,
    std: ratings,
    distribution: shares,
    reasons: spec.reasons.length
      ? strongest(spec.reasons, ...["reasons", "severities"].map((name) => mean(outputs.map((one) => one[name]))))
      : null,
  };
}

/** The score alone, of one crop. */
export function scoreOf({ logits }) {
  return logits.length > 1 ? expectation(softmax(logits)) : logits[0];
}

function mean(rows) {
  return [...rows[0]].map((_, place) => rows.reduce((sum, row) => sum + row[place], 0) / rows.length);
}

function softmax(logits) {
  const most = Math.max(...logits);
  const powers = [...logits].map((logit) => Math.exp(logit - most));
  const sum = powers.reduce((one, other) => one + other, 0);
  return powers.map((power) => power / sum);
}

const expectation = (shares) => shares.reduce((sum, share, place) => sum + share * (place + 1), 0);

/** Where in 0..100 a score lies among those of validation, between which it is interpolated; null without them. */
function percentile(value, known) {
  return known && interpolated(value, known, known.map((_, place) => (100 * place) / (known.length - 1)));
}

/** [low, high] around a score, from what is known of it and of its spread; null for a model without intervals. */
function interval(known, { interval: stored, coverage }) {
  if (!stored) return null;
  const { knots, bounds, quantiles, coverages, spread, ends: [least, most] } = stored;
  const group = bounds.filter((bound) => bound <= known.score).length;
  let width = quantiles[group][coverages.findIndex((one) => one >= coverage - 1e-9)];
  if (spread !== "none") width *= interpolated(known[spread], ...[0, 1].map((side) => knots.map((knot) => knot[side])));
  const inside = (value) => Math.min(most, Math.max(least, value));
  return [Math.min(known.score, inside(known.score - width)), Math.max(known.score, inside(known.score + width))];
}

/** Linear between points of rising x, constant outside of them: np.interp. */
function interpolated(value, xs, ys) {
  if (value >= xs.at(-1)) return ys.at(-1);
  const above = xs.findIndex((x) => x > value);
  if (above === 0) return ys[0];
  const share = (value - xs[above - 1]) / (xs[above] - xs[above - 1]);
  return ys[above - 1] + share * (ys[above] - ys[above - 1]);
}

function strongest(families, probabilities, severities) {
  return families
    .map((family, place) => ({ family, probability: probabilities[place], severity: severities[place] }))
    .filter(({ probability }) => probability >= THRESHOLD)
    .sort((one, other) => other.probability * other.severity - one.probability * one.severity)
    .slice(0, MOST);
}
