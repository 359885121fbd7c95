// Opens a wrapped subject key with the AWS Encryption SDK for JavaScript and the KMS that the environment names.
// Input (stdin, JSON): message (hex), key_arn, context. Output: the key (hex). Fails unless the message carries
// exactly that context.
import { deepStrictEqual } from "node:assert";
import { readFileSync } from "node:fs";
import { buildClient, CommitmentPolicy, getClient, KMS, KmsKeyringNode } from "@aws-crypto/client-node";

const { message, key_arn, context } = JSON.parse(readFileSync(0));
const { decrypt } = buildClient({
  commitmentPolicy: CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT,
  maxEncryptedDataKeys: 1,
});
const clientProvider = getClient(KMS, { endpoint: process.env.AWS_ENDPOINT_URL });
const keyring = new KmsKeyringNode({ clientProvider, keyIds: [key_arn] });
const { plaintext, messageHeader } = await decrypt(keyring, Buffer.from(message, "hex"));
deepStrictEqual({ ...messageHeader.encryptionContext }, context);
deepStrictEqual(messageHeader.suiteId, 0x0478);
console.log(plaintext.toString("hex"));
