#!/usr/bin/python3
"""Gives sshd of an EC2 machine the host key that its stack has pinned: host_key.py REGION PARAMETER SSM_URL

cloud-init runs it at every boot before sshd; with the key in place there is nothing to do. The key is a SecureString parameter
of SSM that only this machine's role may read. Until it is there sshd does not start: better no way in than one under a key that
nobody knows. What is wrong is said on the machine's console.
"""

# With nothing but Python's own library: this runs before anything is installed.
import datetime
import glob
import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

IMDS = "http://169.254.169.254/latest"
SSH = "/etc/ssh"
# In the folder of this instance: a machine that was made from another one's image has a key of its own.
DONE = "/var/lib/cloud/instance/pgha-host-key"
# Seconds. A role that was just made takes some time until it may do what it may.
LIMIT = 600
LONGEST_PAUSE = 10


def ask(url, method="GET", headers=(), body=None):
    request = urllib.request.Request(url, body, dict(headers), method=method)
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=10) as answer:
        return answer.read().decode()


def credentials():
    """Those of the machine's role, by version 2 of the instance metadata service."""
    token = ask(f"{IMDS}/api/token", "PUT", {"X-aws-ec2-metadata-token-ttl-seconds": "60"})
    header = {"X-aws-ec2-metadata-token": token}
    roles = f"{IMDS}/meta-data/iam/security-credentials/"
    return json.loads(ask(roles + ask(roles, headers=header).strip(), headers=header))


def sign(url, headers, body, keys, region, service):
    """Headers of a POST to the root of a server, with Signature Version 4 (IAM User Guide, "Create a signed AWS API request")."""
    headers = {**headers, "Host": urllib.parse.urlsplit(url).netloc}
    names = sorted(headers, key=str.lower)
    signed = ";".join(names).lower()
    lines = [f"{name.lower()}:{headers[name]}" for name in names]
    request = "\n".join(["POST", "/", "", *lines, "", signed, hashlib.sha256(body).hexdigest()])
    scope = f"{headers['X-Amz-Date'][:8]}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{headers['X-Amz-Date']}\n{scope}\n{digest}"
    key = b"AWS4" + keys["SecretAccessKey"].encode()
    for part in [*scope.split("/"), text]:
        key = hmac.digest(key, part.encode(), "sha256")
    credential = f"Credential={keys['AccessKeyId']}/{scope}"
    authorization = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={signed}, Signature={key.hex()}"
    return {**headers, "Authorization": authorization}


def parameter(region, name, url):
    keys = credentials()
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ"),
        "X-Amz-Security-Token": keys["Token"],
        "X-Amz-Target": "AmazonSSM.GetParameter",
    }
    body = json.dumps({"Name": name, "WithDecryption": True}).encode()
    answer = ask(url, "POST", sign(url, headers, body, keys, region, "ssm"), body)
    return json.loads(answer)["Parameter"]["Value"]


def place(key):
    """Puts a key pair where sshd looks for it; the private half comes last. @raises when it is no key"""
    private = f"{SSH}/ssh_host_ed25519_key"
    with open(os.open(f"{private}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(key.strip() + "\n")
    command = ["ssh-keygen", "-y", "-P", "", "-f", f"{private}.new"]
    public = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    with open(f"{private}.pub", "w") as file:
        file.write(public)
    os.rename(f"{private}.new", private)


def reason(error):
    """What went wrong, for whoever reads the console; never what an answer with a key in it said."""
    if isinstance(error, urllib.error.HTTPError) and error.url.startswith(IMDS):
        hint = ": the machine has no instance profile, or not yet" if error.code == 404 else ""
        return f"the instance metadata service answers {error.code}{hint}"
    if isinstance(error, urllib.error.HTTPError):
        return f"SSM answers {error.code}: {error.read().decode(errors='replace')}"
    if isinstance(error, subprocess.CalledProcessError):
        return "the parameter holds no private key that ssh-keygen can read"
    return f"{type(error).__name__}: {error}"


def main(region, name, url):
    if os.path.exists(DONE):
        return
    # Debian's ssh.service does not start while this file is there.
    off = f"{SSH}/sshd_not_to_be_run"
    open(off, "w").close()
    for old in glob.glob(f"{SSH}/ssh_host_*"):
        os.remove(old)
    deadline = time.monotonic() + LIMIT
    said, pause = "", 1.0
    while True:
        try:
            place(parameter(region, name, url))
            break
        except Exception as error:
            why = reason(error)
        if time.monotonic() > deadline:
            last = f"after {LIMIT} s, so sshd stays off; a reboot tries again. {why}"
            sys.exit(f"pgha: no SSH host key from {name} at {url} {last}")
        if why != said:
            print(f"pgha: no SSH host key from {name} at {url} yet, tries again: {why}", flush=True)
        said = why
        time.sleep(pause)
        pause = min(1.5 * pause, LONGEST_PAUSE)
    os.remove(off)
    open(DONE, "w").close()
    print(f"pgha: has its SSH host key from {name}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
