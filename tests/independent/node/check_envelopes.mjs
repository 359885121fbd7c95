// node check_envelopes.mjs envelopes.json: every valid envelope must open to its elements, every other be refused.
import { deepStrictEqual, rejects } from "node:assert";
import { readFileSync } from "node:fs";
import { readEnvelope } from "./read_envelope.mjs";

const vectors = JSON.parse(readFileSync(process.argv[2]));
const read = ({ key, context, envelope }) =>
  readEnvelope({ ...key, material: Buffer.from(key.material, "hex") }, context, Buffer.from(envelope, "hex"));

for (const vector of vectors.valid) deepStrictEqual(await read(vector), vector.elements, vector.name);
for (const vector of vectors.invalid) await rejects(read(vector), undefined, vector.name);
console.log(JSON.stringify({ opened: vectors.valid.length, refused: vectors.invalid.length }));
