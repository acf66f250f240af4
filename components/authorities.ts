import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";
import type { Plan } from "../settings/plan";

const validityHours = 10 * 365 * 24;

/** The certificate authorities of a stack for one use. */
export interface Authorities {
  /** The one that signs. */
  key: tls.PrivateKey;
  certificate: tls.SelfSignedCert;
  /** Certificates of all that are trusted, PEM, the one that signs first. Public. */
  trusted: pulumi.Output<string>;
}

/**
 * Makes the authorities that the settings name (`certificates.authority`, `alsoTrust`). They are known by number, so that a new one
 * is trusted everywhere before it signs, and the one before until nothing that it signed is in use: docs/stolen-keys.md.
 * @param title its common name, before the number
 */
export function makeAuthorities(name: string, title: string, plan: Plan, parent: pulumi.Resource): Authorities {
  const { authority, alsoTrust } = plan.settings.certificates;
  const signing = makeAuthority(name, title, authority, parent);
  const others = [...alsoTrust].sort((a, b) => a - b).map((number) => makeAuthority(name, title, number, parent));
  const trusted = pulumi
    .all([signing, ...others].map(({ certificate }) => certificate.certPem))
    .apply((all) => all.join(""));
  return { ...signing, trusted };
}

function makeAuthority(name: string, title: string, number: number, parent: pulumi.Resource) {
  const own = numbered(`${name}-ca`, number);
  const key = new tls.PrivateKey(`${own}-key`, { algorithm: "ECDSA", ecdsaCurve: "P256" }, { parent });
  const certificate = new tls.SelfSignedCert(
    own,
    {
      privateKeyPem: key.privateKeyPem,
      subject: { commonName: numbered(title, number, " "), organization: "pgha" },
      isCaCertificate: true,
      setSubjectKeyId: true,
      validityPeriodHours: validityHours,
      allowedUses: ["cert_signing", "crl_signing"],
    },
    { parent },
  );
  return { key, certificate };
}

/** A name with the number of its authority. The first has none: so it was before there could be another. */
export const numbered = (name: string, authority: number, separator = "-") =>
  authority === 1 ? name : `${name}${separator}${authority}`;
