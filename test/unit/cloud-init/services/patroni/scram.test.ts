import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { scramVerifier } from "../../../../../cloud-init/services/patroni/scram";

describe("scram", () => {
  it("gives the verifier PostgreSQL takes", () => {
    // A role was made with this verifier in PostgreSQL 15.18, which stored it as it is and let the password in.
    const salt = Buffer.from(Array.from({ length: 16 }, (_, index) => index));
    assert.equal(
      scramVerifier("0123456789abcdefABCDEFghijklmnop", salt),
      "SCRAM-SHA-256$4096:AAECAwQFBgcICQoLDA0ODw==$DVt8r5djsXOwIn+30sjGxwsRFoTd6O11D3aVg2m9Pyo=:z3l9YSzfXtJSP/nwPmYCZLfNRDSImwoQ4Y5Vk8nNgo4=",
    );
  });

  it("verifies the exchange of RFC 7677, section 3", () => {
    const verifier = scramVerifier("pencil", Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64"));
    const [, , keys] = verifier.split("$");
    const [storedKey, serverKey] = keys!.split(":").map((key) => Buffer.from(key, "base64"));
    const message =
      "n=user,r=rOprNGfwEbeRWgbNEkqO," +
      "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096," +
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    const sign = (key: Buffer) => createHmac("sha256", key).update(message).digest();
    const proof = Buffer.from("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", "base64");
    const clientKey = sign(storedKey!).map((byte, index) => byte ^ proof[index]!);
    assert.deepEqual(createHash("sha256").update(clientKey).digest(), storedKey, "the client's proof");
    assert.equal(
      sign(serverKey!).toString("base64"),
      "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
      "the server's signature",
    );
  });

  it("refuses a password that SASLprep would change", () => {
    for (const password of ["", "pässword", "tab\t", "new\nline"]) {
      assert.throws(() => scramVerifier(password, Buffer.alloc(16)), /printable ASCII/);
    }
  });
});
