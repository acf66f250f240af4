import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OpsError } from "../../../ops/errors";
import { imageCommand } from "../../../ops/image";
import { checkoutRoot } from "../../../ops/env";
import { FakeEc2, type Ec2Answer, type Ec2Question } from "../support/ec2";

const older = {
  id: "ami-0a1b2c3d4e5f60718",
  name: "debian-13-amd64-20260901-2222",
  created: "2026-09-01T00:00:00.000Z",
};
const newer = {
  id: "ami-0f1e2d3c4b5a69788",
  name: "debian-13-amd64-20261101-2283",
  created: "2026-11-01T00:00:00.000Z",
};

const images = (...list: (typeof older)[]) =>
  `<imagesSet>${list
    .map(
      ({ id, name, created }) =>
        `<item><imageId>${id}</imageId><name>${name}</name><creationDate>${created}</creationDate></item>`,
    )
    .join("")}</imagesSet>`;

/** EC2 with the two images. */
const debian = (question: Ec2Question): Ec2Answer => {
  if (question["Filter.1.Name"] !== "image-id") return images(older, newer);
  return images(...[older, newer].filter(({ id }) => id === question["Filter.1.Value.1"]));
};

describe("pgha image", () => {
  let folder: string;
  let ec2: FakeEc2;
  let answer: (question: Ec2Question) => Ec2Answer;
  let printed: string[];
  const { log } = console;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "pgha-image-"));
    answer = debian;
    ec2 = await new FakeEc2((question) => answer(question)).start();
    printed = [];
    console.log = (text: string) => void printed.push(text);
  });
  afterEach(async () => {
    console.log = log;
    await ec2.stop();
    rmSync(folder, { recursive: true });
  });

  const file = () => join(folder, "Pulumi.x.yaml");
  const settings = (text: string) => writeFileSync(file(), text);
  const refuses = (message: RegExp) =>
    assert.rejects(imageCommand("x", {}, folder), (error) => error instanceof OpsError && message.test(error.message));
  const usual = "config:\n  aws:region: eu-central-1\n  pgha:aws:\n    # three of them\n    zones: [eu-central-1a]\n";

  for (const stack of ["staging", "prod"]) {
    it(`adds one line to the settings of ${stack}, and changes the same line the next time`, async () => {
      const before = readFileSync(join(checkoutRoot, `Pulumi.${stack}.yaml`), "utf8").replace(/^ *image: .*\n/m, "");
      settings(before);
      answer = (question) => (question["Filter.1.Name"] === "image-id" ? images() : images(older));
      assert.equal(await imageCommand("x", {}, folder), 0);
      const first = readFileSync(file(), "utf8");
      assert.deepEqual(
        first.split("\n").filter((line) => !before.split("\n").includes(line)),
        [`    image: ${older.id}`],
      );
      assert.equal(first.replace(`    image: ${older.id}\n`, ""), before);
      answer = debian;
      assert.equal(await imageCommand("x", {}, folder), 0);
      assert.equal(readFileSync(file(), "utf8"), first.replace(older.id, newer.id));
      assert.match(
        printed.at(-1)!,
        /^pinned {2}ami-0a1b.*20260901.*\nnewest {2}ami-0f1e.*\nWritten to Pulumi\.x\.yaml/,
      );
    });
  }

  it("asks for Debian's own images for x86-64, and takes the newest", async () => {
    settings(usual);
    await imageCommand("x", {}, folder);
    const [question] = ec2.asked;
    assert.equal(question!["Owner.1"], "136693071363");
    assert.ok(Object.values(question!).includes("debian-13-amd64-*"));
    assert.ok(Object.values(question!).includes("x86_64"));
    assert.match(readFileSync(file(), "utf8"), new RegExp(`# three of them\\n {4}image: ${newer.id}\\n {4}zones:`));
  });

  it("writes into a section in one line, too", async () => {
    settings("config: { aws:region: eu-central-1, pgha:aws: { zones: [eu-central-1a] } }\n");
    await imageCommand("x", {}, folder);
    assert.match(readFileSync(file(), "utf8"), new RegExp(`pgha:aws: { image: ${newer.id}, zones: \\[`));
  });

  it("--check changes nothing, and says by its exit code whether the pinned image exists", async () => {
    const pinned = `${usual}    image: ${older.id}\n`;
    settings(pinned);
    assert.equal(await imageCommand("x", { check: true }, folder), 0);
    assert.match(printed.at(-1)!, /`npx pgha image --stack x` pins the newest/);
    answer = (question) => (question["Filter.1.Name"] === "image-id" ? images() : images(newer));
    assert.equal(await imageCommand("x", { check: true }, folder), 1);
    assert.match(printed.at(-1)!, new RegExp(`pinned {2}${older.id} {2}does not exist in eu-central-1`));
    assert.equal(readFileSync(file(), "utf8"), pinned);
  });

  it("says when there is nothing to change", async () => {
    settings(`${usual}    image: ${newer.id}\n`);
    assert.equal(await imageCommand("x", { json: true }, folder), 0);
    const said = JSON.parse(printed.at(-1)!) as object;
    assert.deepEqual(said, {
      stack: "x",
      region: "eu-central-1",
      pinned: newer.id,
      there: newer,
      newest: newer,
      written: false,
    });
  });

  it("refuses a stack that is not on AWS, one without a region, and one without settings", async () => {
    await refuses(/Pulumi\.x\.yaml.*ENOENT|cannot be read/);
    settings("config:\n  pgha:driver: incus\n");
    await refuses(/no section pgha:aws/);
    ec2.set("AWS_REGION", undefined);
    ec2.set("AWS_DEFAULT_REGION", undefined);
    settings("config:\n  pgha:aws: { zones: [eu-central-1a] }\n");
    await refuses(/no region: write aws:region into Pulumi\.x\.yaml, or set AWS_REGION/);
  });

  it("says when Debian has no image there", async () => {
    settings(usual);
    answer = () => images();
    await refuses(/no image debian-13-amd64-\* of Debian's.*eu-central-1/);
  });

  const errors: [string, string, string, RegExp][] = [
    [
      "a right is missing",
      "UnauthorizedOperation",
      "You may not. Encoded authorization failure message: 5Kx",
      /refuses ec2:DescribeImages to these credentials: You may not\.$/,
    ],
    [
      "the credentials are wrong",
      "AuthFailure",
      "not validated",
      /does not take these credentials: not validated; log in/,
    ],
    ["their time is over", "RequestExpired", "expired", /does not take these credentials/],
    ["AWS has another reason", "InternalError", "oops", /refuses ec2:DescribeImages: InternalError: oops/],
  ];
  for (const [what, error, message, expected] of errors) {
    it(`tells in one sentence that ${what}`, async () => {
      settings(usual);
      answer = () => ({ error, message });
      await refuses(expected);
    });
  }

  it("tells that there are no credentials, and that AWS cannot be reached", async () => {
    settings(usual);
    ec2.set("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    await refuses(/cannot be reached in region 'eu-central-1'.*ECONNREFUSED/);
    for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"]) ec2.set(name, undefined);
    ec2.set("AWS_EC2_METADATA_DISABLED", "true");
    ec2.set("HOME", folder);
    await refuses(/no AWS credentials were found: log in/);
  });
});
