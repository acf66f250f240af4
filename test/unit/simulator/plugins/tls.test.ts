import assert from "node:assert/strict";
import type { Engine, Resource } from "../../../../simulator/plugins/engine";
import { isSecret, type Values } from "../../../../simulator/plugins/lib/wire";
import { CA, CERT, Folder, KEY, REQUEST, tool } from "../../../../simulator/plugins/tools";

describe("stand-in plugin tls", function () {
  this.timeout(15_000);
  const folder = new Folder();
  let tls: Engine;

  before(async () => {
    [tls] = await Promise.all([folder.start("tls")]);
  });

  after(async () => {
    await Promise.all([tls.stop()]);
    folder.remove();
  });

  const kinds: { algorithm: string; ecdsaCurve?: string }[] = [
    { algorithm: "RSA" },
    ...["P224", "P256", "P384", "P521"].map((ecdsaCurve) => ({ algorithm: "ECDSA", ecdsaCurve })),
    { algorithm: "ED25519" },
  ];
  for (const kind of kinds) {
    it(`makes a ${kind.algorithm} ${kind.ecdsaCurve ?? ""} key that openssl and ssh-keygen read, and signs with it`, async () => {
      const { state, marked } = await tls.create(KEY, kind);
      const name = `${kind.algorithm}${kind.ecdsaCurve ?? ""}`;
      const header = { RSA: "RSA PRIVATE", ECDSA: "EC PRIVATE", ED25519: "PRIVATE" }[String(kind.algorithm)];
      assert.ok(String(state.privateKeyPem).startsWith(`-----BEGIN ${header} KEY-----\n`));
      assert.ok(isSecret(marked.privateKeyPem) && isSecret(marked.privateKeyOpenssh));
      for (const form of ["privateKeyPem", "privateKeyPemPkcs8"]) {
        const path = folder.file(`${name}.${form}`, state[form]);
        assert.equal(tool("openssl", "pkey", "-in", path, "-pubout"), state.publicKeyPem);
      }
      if (kind.ecdsaCurve === "P224") {
        assert.equal(state.privateKeyOpenssh, "");
        assert.equal(state.publicKeyOpenssh, "");
      } else {
        const path = folder.file(name, state.privateKeyOpenssh);
        assert.equal(tool("ssh-keygen", "-y", "-f", path).trim(), String(state.publicKeyOpenssh).trim());
        const [, sha256] = tool("ssh-keygen", "-l", "-f", path).split(" ");
        assert.equal(state.publicKeyFingerprintSha256, sha256);
        const [, md5] = tool("ssh-keygen", "-l", "-E", "md5", "-f", path).split(" ");
        assert.equal(`MD5:${String(state.publicKeyFingerprintMd5)}`, md5);
      }
      const own = await tls.create(CA, {
        privateKeyPem: state.privateKeyPem,
        allowedUses: ["cert_signing"],
        validityPeriodHours: 1,
        isCaCertificate: true,
        subject: { commonName: "ca", organization: "Größe & Co" },
      });
      const path = folder.file(`${name}.crt`, own.state.certPem);
      assert.match(tool("openssl", "verify", "-x509_strict", "-check_ss_sig", "-CAfile", path, path), /OK/);
      assert.equal(own.state.keyAlgorithm, kind.algorithm);
    });
  }

  const subject = { commonName: "node1", organization: "pgha", country: "CH" };
  const signing = { validityPeriodHours: 10, earlyRenewalHours: 2 };
  let ca: Resource;
  let inputs: Values;
  let cert: Resource;

  before(async () => {
    const caKey = await tls.create(KEY, { algorithm: "ECDSA", ecdsaCurve: "P256" });
    ca = await tls.create(CA, {
      privateKeyPem: caKey.state.privateKeyPem,
      allowedUses: ["cert_signing", "crl_signing"],
      ...signing,
      isCaCertificate: true,
      setAuthorityKeyId: true,
      maxPathLength: 1,
      subject: { commonName: "pgha ca" },
    });
    const key = await tls.create(KEY, { algorithm: "ECDSA", ecdsaCurve: "P384" });
    const names = {
      dnsNames: ["node1", "*.pgha"],
      ipAddresses: ["10.88.0.11", "fd00::1:a"],
      uris: ["spiffe://pgha/1"],
    };
    const request = await tls.create(REQUEST, { privateKeyPem: key.state.privateKeyPem, subject, ...names });
    tool("openssl", "req", "-verify", "-noout", "-in", folder.file("csr", request.state.certRequestPem));
    inputs = {
      caCertPem: ca.state.certPem,
      caPrivateKeyPem: caKey.state.privateKeyPem,
      certRequestPem: request.state.certRequestPem,
      allowedUses: ["digital_signature", "key_encipherment", "server_auth", "client_auth"],
      ...signing,
    };
    cert = await tls.create(CERT, inputs);
  });

  it("signs a certificate that verifies to its CA for its names and uses", () => {
    const [caFile, certFile] = [folder.file("ca.crt", ca.state.certPem), folder.file("node.crt", cert.state.certPem)];
    const verify = (...given: string[]): string =>
      tool("openssl", "verify", "-x509_strict", "-CAfile", caFile, ...given, certFile);
    verify("-verify_hostname", "node1", "-purpose", "sslserver");
    verify("-verify_ip", "10.88.0.11", "-purpose", "sslclient");
    verify("-verify_ip", "fd00::1:a");
    assert.throws(() => verify("-verify_ip", "10.88.0.12"), /IP address mismatch/);
    assert.throws(() => verify("-purpose", "smimesign"));
    const text = tool("openssl", "x509", "-noout", "-text", "-in", certFile);
    assert.match(text, /Subject: C = CH, O = pgha, CN = node1/);
    assert.match(text, /Issuer: CN = pgha ca/);
    assert.match(text, /Basic Constraints: critical\s+CA:FALSE/);
    assert.match(text, /Key Usage: critical\s+Digital Signature, Key Encipherment\n/);
    assert.match(text, /TLS Web Server Authentication, TLS Web Client Authentication/);
    assert.match(text, /DNS:node1, DNS:\*\.pgha, IP Address:10\.88\.0\.11, IP Address:FD00:.*, URI:spiffe:\/\/pgha\/1/);
    const caText = tool("openssl", "x509", "-noout", "-text", "-in", caFile);
    assert.match(caText, /CA:TRUE, pathlen:1/);
    assert.match(caText, /Certificate Sign, CRL Sign/);
    const keyId = /Subject Key Identifier:\s+(\S+)/.exec(caText)?.[1];
    assert.ok(keyId && text.includes(keyId) && caText.split(keyId).length === 3);
    assert.equal(
      BigInt(`0x${tool("openssl", "x509", "-noout", "-serial", "-in", certFile).trim().slice(7)}`),
      BigInt(cert.id),
    );
  });

  it("renews within the early renewal hours, else changes nothing", async () => {
    assert.deepEqual(await tls.diff(CERT, cert, inputs), {});
    assert.equal(cert.state.readyForRenewal, false);
    const soon = new Date(Date.now() + 1.9 * 3_600_000).toISOString();
    const aged = { ...cert, marked: { ...cert.marked, validityEndTime: soon } };
    assert.deepEqual(await tls.diff(CERT, aged, inputs), { readyForRenewal: "UPDATE_REPLACE" });
    const later = { ...inputs, earlyRenewalHours: 1 };
    assert.deepEqual(await tls.diff(CERT, cert, later), { earlyRenewalHours: "UPDATE" });
    const updated = await tls.update(CERT, cert, later);
    assert.equal(updated.state.certPem, cert.state.certPem);
    assert.equal(updated.state.earlyRenewalHours, 1);
  });

  it("refuses a key that is not the CA's, unknown uses and bad addresses", async () => {
    const other = await tls.create(KEY, { algorithm: "ED25519" });
    const wrong = { ...inputs, caPrivateKeyPem: other.state.privateKeyPem };
    await assert.rejects(tls.create(CERT, wrong), /not the private key of caCertPem/);
    assert.match((await tls.check(CERT, { ...inputs, allowedUses: ["all"] })).join(), /allowedUses\[0\].*one of/);
    assert.match((await tls.check(REQUEST, { privateKeyPem: "x", ipAddresses: ["10.1"] })).join(), /not an IP address/);
    await assert.rejects(tls.create(REQUEST, { privateKeyPem: "hush" }), (error: Error) => {
      assert.doesNotMatch(error.message, /hush/);
      return /privateKeyPem is not a private key/.test(error.message);
    });
  });
});
