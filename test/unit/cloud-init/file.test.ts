import assert from "node:assert/strict";
import { header, unit } from "../../../cloud-init/file";

describe("systemd units", () => {
  it("are written section by section, a list as one line for each entry", () => {
    const text = unit({
      Unit: { Description: "a test", StartLimitIntervalSec: 0 },
      Service: { Type: "notify", ExecStartPre: ["/bin/one", "/bin/two"], Nice: -10 },
      Install: { WantedBy: [] },
    });
    assert.equal(
      text,
      header() +
        "[Unit]\nDescription=a test\nStartLimitIntervalSec=0\n\n" +
        "[Service]\nType=notify\nExecStartPre=/bin/one\nExecStartPre=/bin/two\nNice=-10\n\n" +
        "[Install]\n",
    );
  });

  it("begin with a comment of one line", () => assert.match(header(), /^# [^\n]+\n$/));
  it("begin with the comment sign of other formats, where these have another", () =>
    assert.match(header(";"), /^; [^\n]+\n$/));
});
