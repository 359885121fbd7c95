// Opens phivault envelopes as docs/envelope-format.md describes them, with WebCrypto and none of phivault's code.
import { webcrypto, timingSafeEqual } from "node:crypto";

const CLASSES = [, "administrative", "deidentified", "contact", "identifying", "clinical", "sensitive"];
const refuse = (why) => { throw new Error(`refused: ${why}`); };

function header(envelope) {
  if (envelope[0] !== 1) refuse("format version");
  if (envelope.length < 42 || envelope.length > 2 ** 23) refuse("size");
  const [width, count, namesSize] = [envelope[37], envelope.readUInt16BE(38), envelope.readUInt16BE(40)];
  const size = 42 + count + namesSize + count * width;
  if (![2, 4].includes(width) || count < 1 || count > 1024 || size > envelope.length) refuse("header");
  const codes = [...envelope.subarray(42, 42 + count)];
  const text = envelope.toString("latin1", 42 + count, 42 + count + namesSize);
  const names = text.split(" ");
  const lengths = codes.map((_, i) => envelope.readUIntBE(size - (count - i) * width, width));
  const longest = Math.max(...lengths);
  if (names.length !== count || new Set(names).size !== count) refuse("names");
  if (!names.every((name) => /^[\x21-\x7e]{1,64}$/.test(name))) refuse("names");
  if (!codes.every((code) => CLASSES[code])) refuse("data class");
  if (longest > 0x3fffff || width !== (longest > 0xffff ? 4 : 2)) refuse("lengths");
  if (lengths.some((length) => length > 0 && length < 32)) refuse("lengths");
  const keyVersion = envelope.readUInt32BE(1);
  if (keyVersion === 0) refuse("key version");
  if (size + 32 + lengths.reduce((sum, n) => sum + (n || 32) + 16, 0) !== envelope.length) refuse("size");
  return { keyVersion, names, codes, lengths, raw: envelope.subarray(0, size) };
}

async function associatedData({ tenant, subject, type, id, version }, raw) {
  const prefix = Buffer.alloc(16);
  [tenant, subject, type, id].forEach((field, i) => prefix.writeUInt16BE(field.length, 2 * i));
  prefix.writeBigUInt64BE(BigInt(version), 8);
  const hash = Buffer.from(await webcrypto.subtle.digest("SHA-256", raw));
  return Buffer.concat([prefix, Buffer.from(tenant + subject + type + id, "ascii"), hash]);
}

function unpad(block) {
  if (block[0] > 31 || block.subarray(block[0] + 1).some((byte) => byte)) refuse("padding");
  return block.subarray(1, block[0] + 1);
}

export async function readEnvelope(key, context, envelope) {
  const { keyVersion, names, codes, lengths, raw } = header(envelope);
  if (keyVersion !== key.version) refuse("key version");
  const info = await associatedData(context, raw);
  const material = await webcrypto.subtle.importKey("raw", key.material, "HKDF", false, ["deriveBits"]);
  const hkdf = { name: "HKDF", hash: "SHA-512", salt: envelope.subarray(5, 37), info };
  const derived = Buffer.from(await webcrypto.subtle.deriveBits(hkdf, material, 512));
  if (!timingSafeEqual(derived.subarray(32), envelope.subarray(raw.length, raw.length + 32))) refuse("commitment");
  const cipher = await webcrypto.subtle.importKey("raw", derived.subarray(0, 32), "AES-GCM", false, ["decrypt"]);
  let at = raw.length + 32;
  const elements = [];
  for (const [i, name] of names.entries()) {
    const end = at + (lengths[i] || 32) + 16;
    const iv = Buffer.alloc(12);
    iv.writeUInt32BE(i, 8);
    const value = Buffer.from(await webcrypto.subtle.decrypt({ name: "AES-GCM", iv }, cipher, envelope.subarray(at, end)));
    elements.push({ name, data_class: CLASSES[codes[i]], value: (lengths[i] ? value : unpad(value)).toString("hex") });
    at = end;
  }
  return elements;
}
