import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { makeSshKey } from "../../../simulator/plugins/sshd";
import { temporaryFolder } from "../support/bash";
import { python } from "../support/python";

/** Requests and signatures of AWS's own Signature Version 4 test suite (`aws-sig-v4-test-suite`): all of the form in use here. */
const vectors: { name: string; headers: Record<string, string>; body: string; signature: string }[] = [
  {
    name: "post-vanilla",
    headers: {},
    body: "",
    signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
  },
  {
    name: "post-x-www-form-urlencoded",
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body: "Param1=value1",
    signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
  },
  {
    name: "post-sts-header-before",
    headers: {
      "X-Amz-Security-Token":
        "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==",
    },
    body: "",
    signature: "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
  },
];

/**
 * Runs the program in a folder that stands for /etc/ssh, against a metadata service and an SSM on loopback. SSM verifies what
 * reaches it. `given.answers`: what each further try meets, the last one for good: a status of the metadata service, or what SSM
 * answers, as [status, body]; then `given.key`.
 */
const world = `
import contextlib, http.server, io, os, threading
import host_key
asked, answers = [], list(given["answers"])
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def say(self, status, text):
        self.send_response(status); self.send_header("Content-Length", str(len(text))); self.end_headers(); self.wfile.write(text.encode())
    def do_PUT(self):
        asked.append("token")
        self.say(200, "TOKEN" if self.headers["X-aws-ec2-metadata-token-ttl-seconds"] else "")
    def do_GET(self):
        if self.headers["X-aws-ec2-metadata-token"] != "TOKEN": return self.say(401, "")
        if answers and isinstance(answers[0], int): return self.say(answers.pop(0), "")
        if self.path.endswith("/security-credentials/"): return self.say(200, "test-role")
        self.say(200, json.dumps({"Code": "Success", "AccessKeyId": "AKID", "SecretAccessKey": "SECRET", "Token": "SESSION"}))
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        names = self.headers["Authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
        sent = {{"x-amz-date": "X-Amz-Date"}.get(name, name): self.headers[name] for name in names if name != "host"}
        again = host_key.sign(url, sent, body, {"AccessKeyId": "AKID", "SecretAccessKey": "SECRET"}, "eu-west-1", "ssm")
        asked.append({"signed": again["Authorization"] == self.headers["Authorization"], "names": names, "body": json.loads(body),
                      "target": self.headers["X-Amz-Target"], "session": self.headers["X-Amz-Security-Token"]})
        if answers: return self.say(*answers.pop(0))
        self.say(200, json.dumps({"Parameter": {"Value": given["key"]}}))
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
host_key.IMDS, host_key.SSH, host_key.DONE, host_key.LIMIT = url + "/latest", given["folder"], given["folder"] + "/done", given.get("limit", 60)
host_key.time.sleep = lambda seconds: asked.append(seconds)
said, ended = io.StringIO(), ""
with contextlib.redirect_stdout(said):
    for _ in range(given.get("boots", 1)):
        try: host_key.main("eu-west-1", "/pgha/test/etcd1/ssh-host-key", url)
        except SystemExit as end: ended = str(end)
server.shutdown()
result = {"asked": asked, "said": said.getvalue().strip().replace(url, "SSM").split("\\n"), "ended": ended.replace(url, "SSM"),
          "files": {name: oct(os.stat(os.path.join(given["folder"], name)).st_mode)[-3:] for name in sorted(os.listdir(given["folder"]))}}
`;

interface Result {
  asked: unknown[];
  said: string[];
  ended: string;
  files: Record<string, string>;
}

describe("the SSH host key of an EC2 machine", () => {
  const folder = temporaryFolder();
  let count = 0;
  let key: string;
  before(() => {
    key = makeSshKey(join(folder(), "key")).privateKey;
  });

  /** A fresh /etc/ssh, with the keys of an image in it, after the program. */
  function run(given: { answers?: unknown[]; key?: string; limit?: number; boots?: number } = {}) {
    const ssh = join(folder(), String(++count));
    execFileSync("sh", ["-c", `mkdir "$1" && touch "$1/ssh_host_rsa_key" "$1/ssh_host_ed25519_key"`, "sh", ssh]);
    return { ssh, ...python<Result>(world, { answers: [], key, ...given, folder: ssh }) };
  }
  const token = "token";
  const denied = [400, JSON.stringify({ __type: "AccessDeniedException", Message: "not authorized to perform" })];

  for (const { name, headers, body, signature } of vectors) {
    it(`is asked for with the signature AWS expects: ${name}`, () => {
      const authorization = python<string>(
        `import host_key
result = host_key.sign("https://example.amazonaws.com", {**given["headers"], "X-Amz-Date": "20150830T123600Z"}, given["body"].encode(),
    {"AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}, "us-east-1", "service")["Authorization"]`,
        { headers, body },
      );
      assert.match(
        authorization,
        /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/20150830\/us-east-1\/service\/aws4_request, /,
      );
      assert.equal(authorization.split("Signature=")[1], signature);
    });
  }

  it("is put in place of the image's keys, readable by root alone, before sshd may start", () => {
    const { ssh, files, said, asked } = run();
    assert.deepEqual(files, { done: "644", ssh_host_ed25519_key: "600", "ssh_host_ed25519_key.pub": "644" });
    assert.equal(readFileSync(join(ssh, "ssh_host_ed25519_key"), "utf8"), key);
    const publicKey = (file: string) => readFileSync(file, "utf8").trim().split(" ").slice(0, 2).join(" ");
    assert.equal(publicKey(join(ssh, "ssh_host_ed25519_key.pub")), publicKey(join(folder(), "key.pub")));
    assert.deepEqual(said, ["pgha: has its SSH host key from /pgha/test/etcd1/ssh-host-key"]);
    assert.deepEqual(asked, [
      token,
      {
        signed: true,
        names: ["content-type", "host", "x-amz-date", "x-amz-security-token", "x-amz-target"],
        body: { Name: "/pgha/test/etcd1/ssh-host-key", WithDecryption: true },
        target: "AmazonSSM.GetParameter",
        session: "SESSION",
      },
    ]);
  });

  it("is asked for once: a later boot needs nobody", () => {
    assert.deepEqual(
      run({ boots: 3 }).asked.filter((what) => what === token),
      [token],
    );
  });

  it("is waited for while the role is new, each reason told once", () => {
    const { files, said, asked } = run({ answers: [404, 404, denied, denied] });
    const yet = "pgha: no SSH host key from /pgha/test/etcd1/ssh-host-key at SSM yet, tries again:";
    assert.deepEqual(said, [
      `${yet} the instance metadata service answers 404: the machine has no instance profile, or not yet`,
      `${yet} SSM answers 400: ${String(denied[1])}`,
      "pgha: has its SSH host key from /pgha/test/etcd1/ssh-host-key",
    ]);
    assert.deepEqual(
      asked.filter((what) => typeof what === "number"),
      [1, 1.5, 2.25, 3.375],
    );
    assert.ok(!("sshd_not_to_be_run" in files));
  });

  it("is missing in the end: sshd stays off, no key is left, and a reboot tries again", () => {
    const { files, ended } = run({ answers: [404], limit: -1 });
    assert.deepEqual(files, { sshd_not_to_be_run: "644" });
    assert.match(ended, /no SSH host key from \S+ at SSM after -1 s, so sshd stays off; a reboot tries again\. .*404/);
    const second = run({ answers: [404], limit: -1, boots: 2 });
    assert.deepEqual(Object.keys(second.files), ["done", "ssh_host_ed25519_key", "ssh_host_ed25519_key.pub"]);
  });

  it("is never shown, not even when it is broken", () => {
    const { files, said, ended } = run({ key: "-----BEGIN OPENSSH PRIVATE KEY-----\nSECRETSECRET\n", limit: -1 });
    assert.ok("sshd_not_to_be_run" in files && !("ssh_host_ed25519_key" in files), Object.keys(files).join());
    assert.match(ended, /the parameter holds no private key that ssh-keygen can read/);
    assert.doesNotMatch(said.join() + ended, /SECRET/);
  });
});
