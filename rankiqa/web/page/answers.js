// What the outputs of the network say: rankiqa/score.py and rankiqa/reasons.py.

const THRESHOLD = 0.5; // the probability from which on a family of damage is named
const MOST = 3; // reasons per image

/** The row of an image from its crops' outputs: [{logits (N), reasons (K), severities (K)}], the last two maybe missing. */
export function rowOf(outputs, spec) {
  const shares = spec.num_classes > 1 ? mean(outputs.map(({ logits }) => softmax(logits))) : null;
  const score = shares ? expectation(shares) : mean(outputs.map(({ logits }) => logits))[0];
  return {
    score,
    percentile: percentile(score, spec.score_percentiles),
    std: shares && Math.sqrt(shares.reduce((sum, share, place) => sum + share * (place + 1 - score) ** 2, 0)),
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
  if (!known) return null;
  const step = 100 / (known.length - 1);
  if (value >= known.at(-1)) return 100;
  const above = known.findIndex((one) => one > value);
  if (above === 0) return 0;
  const [low, high] = [known[above - 1], known[above]];
  return step * (above - 1 + (value - low) / (high - low));
}

function strongest(families, probabilities, severities) {
  return families
    .map((family, place) => ({ family, probability: probabilities[place], severity: severities[place] }))
    .filter(({ probability }) => probability >= THRESHOLD)
    .sort((one, other) => other.probability * other.severity - one.probability * one.severity)
    .slice(0, MOST);
}
