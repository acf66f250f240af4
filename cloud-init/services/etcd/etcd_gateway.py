"""etcd over its JSON gateway, with nothing but Python's own library: what the guard and the witness need of it.

Keys and values travel in base64, 64-bit numbers as decimal text (etcd's documentation, "gRPC gateway").
"""

import base64
import http.client
import json
import ssl
from dataclasses import dataclass
from typing import Any

TLS = {"ca": "/etc/pgha/tls/ca.crt", "cert": "/etc/pgha/tls/node.crt", "key": "/etc/pgha/tls/node.key"}

Json = dict[str, Any]


class Unavailable(Exception):
    """No member of etcd answered in time."""


class Refused(Unavailable):
    """etcd has answered that it will not: the lease is gone, for one."""


def own_certificate(ca: str = TLS["ca"], cert: str = TLS["cert"], key: str = TLS["key"]) -> ssl.SSLContext:
    """Mutual TLS with the machine's key pair: servers must prove their name or address to the cluster's CA."""
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(cert, key)
    return context


def encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def decode(text: str) -> str:
    return base64.b64decode(text).decode()


@dataclass(frozen=True)
class Entry:
    """A key as one revision of etcd has it."""

    value: str
    mod: int
    """Revision of its last change."""
    lease: int = 0
    """Identity of the lease it dies with; 0: none."""


def _entry(kv: Json) -> Entry:
    return Entry(decode(kv.get("value", "")), int(kv["mod_revision"]), int(kv.get("lease", 0)))


class Etcd:
    """A connection to the first endpoint that answers, the next one's turn after an error.

    endpoints: `host:port`. context: None for plain HTTP, as tests use it. timeout: of one request to one endpoint, seconds.
    """

    def __init__(self, endpoints: list[str], context: ssl.SSLContext | None, timeout: float = 1.0) -> None:
        self._endpoints = list(endpoints)
        self._context = context
        self._timeout = timeout
        self._connection: http.client.HTTPConnection | None = None

    def call(self, path: str, body: Json) -> Json:
        """POSTs a request. Raises Unavailable when no endpoint has answered it, Refused when one has refused it."""
        errors: list[str] = []
        for _ in self._endpoints:
            try:
                return self._post(path, json.dumps(body))
            except (OSError, http.client.HTTPException, ValueError) as error:
                errors.append(f"{self._endpoints[0]}: {error}")
                self.close()
                self._endpoints.append(self._endpoints.pop(0))
        raise Unavailable("; ".join(errors))

    def close(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None

    def _post(self, path: str, body: str) -> Json:
        if not self._connection:
            host, port = self._endpoints[0].rsplit(":", 1)
            if self._context:
                self._connection = http.client.HTTPSConnection(
                    host, int(port), timeout=self._timeout, context=self._context
                )
            else:
                self._connection = http.client.HTTPConnection(host, int(port), timeout=self._timeout)
        self._connection.request("POST", path, body, {"Content-Type": "application/json"})
        response = self._connection.getresponse()
        text = response.read()
        if response.status != 200:
            answer = f"etcd: HTTP {response.status} {text.decode(errors='replace')[:200].strip()}"
            raise Refused(answer) if response.status < 500 else ValueError(answer)
        return json.loads(text)

    def under(self, prefix: str) -> dict[str, Entry]:
        """All keys that begin with the prefix, by their names without it, read at one revision."""
        end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        found = self.call("/v3/kv/range", {"key": encode(prefix), "range_end": encode(end)})
        return {decode(kv["key"])[len(prefix) :]: _entry(kv) for kv in found.get("kvs", [])}

    def get(self, key: str) -> Entry | None:
        """One key. None: there is none."""
        kvs = self.call("/v3/kv/range", {"key": encode(key)}).get("kvs", [])
        return _entry(kvs[0]) if kvs else None

    def txn(self, compare: list[Json], success: list[Json]) -> bool:
        """Does all of `success` in one step if all of `compare` holds, else nothing. Says which."""
        return bool(self.call("/v3/kv/txn", {"compare": compare, "success": success}).get("succeeded"))

    def seconds_left(self, lease: int) -> tuple[int, int]:
        """Whole seconds the lease has left, rounded down (-1: it is gone), and those it was granted for. The leader of etcd answers."""
        found = self.call("/v3/lease/timetolive", {"ID": str(lease)})
        return int(found.get("TTL", 0)), int(found.get("grantedTTL", 0))

    def grant(self, seconds: int) -> int:
        """A new lease. etcd grants no shorter one than 1.5 times its election timeout, rounded up."""
        return int(self.call("/v3/lease/grant", {"TTL": str(seconds)})["ID"])

    def revoke(self, lease: int) -> None:
        """Ends a lease, and the keys that hang on it, if it has not ended yet."""
        try:
            self.call("/v3/lease/revoke", {"ID": str(lease)})
        except Refused:
            pass


def unchanged(key: str, entry: Entry | None) -> Json:
    """For `txn`: the key is as it was read, or still absent."""
    if not entry:
        return {"key": encode(key), "target": "CREATE", "create_revision": "0"}
    return {"key": encode(key), "target": "MOD", "mod_revision": str(entry.mod)}


def has_value(key: str, value: str) -> Json:
    return {"key": encode(key), "target": "VALUE", "value": encode(value)}


def has_lease(key: str, lease: int) -> Json:
    return {"key": encode(key), "target": "LEASE", "lease": str(lease)}


def put(key: str, value: str, lease: int = 0) -> Json:
    return {"request_put": {"key": encode(key), "value": encode(value), "lease": str(lease)}}


def delete(key: str) -> Json:
    return {"request_delete_range": {"key": encode(key)}}
