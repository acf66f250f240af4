import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Files of a key pair and of the CA that clients and servers trust. */
export interface Pair {
  ca: string;
  cert: string;
  key: string;
}

const openssl = (...args: string[]) => execFileSync("openssl", args, { stdio: ["ignore", "pipe", "ignore"] });
const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/** A CA in a folder of its own, which gives key pairs for 127.0.0.1 under any name. */
export class CertificateAuthority {
  constructor(private readonly folder: string) {
    mkdirSync(folder);
    const files = ["-keyout", join(folder, "ca.key"), "-out", join(folder, "ca.crt")];
    openssl("req", "-x509", ...newKey, "-days", "1", "-subj", "/CN=test CA", ...files);
  }

  /** Makes a key pair; replaces one that exists. */
  pair(commonName: string): Pair {
    const file = (ending: string) => join(this.folder, `${commonName}.${ending}`);
    openssl("req", ...newKey, "-subj", `/CN=${commonName}`, "-keyout", file("key"), "-out", file("csr"));
    writeFileSync(file("ext"), "subjectAltName=IP:127.0.0.1\n");
    const ca = ["-CA", join(this.folder, "ca.crt"), "-CAkey", join(this.folder, "ca.key"), "-CAcreateserial"];
    openssl("x509", "-req", "-in", file("csr"), ...ca, "-days", "1", "-extfile", file("ext"), "-out", file("crt"));
    return { ca: join(this.folder, "ca.crt"), cert: file("crt"), key: file("key") };
  }
}

/** A key pair as Node's TLS wants it. */
export const read = ({ ca, cert, key }: Pair) => ({
  ca: readFileSync(ca),
  cert: readFileSync(cert),
  key: readFileSync(key),
});
