import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";

/** A password and the salt of its verifier (base64). */
export interface Password {
  password: pulumi.Output<string>;
  salt: pulumi.Output<string>;
}

export interface PasswordsArgs {
  /** Names of the declared roles that log in. */
  roles: string[];
}

/** The cluster's passwords: random, made once, secret in state. */
export class Passwords extends pulumi.ComponentResource {
  /** Of the role that owns the database and runs migrations. */
  readonly owner: Password;
  /** Of the application's role. */
  readonly user: Password;
  /** Of the roles that the settings declare and that log in, by name. */
  readonly roles: Record<string, Password>;
  /** Of the stats page, for the user `pgha`. */
  readonly stats: pulumi.Output<string>;
  /** Of the role by which PgBouncer looks verifiers up. Nobody is told: it logs in by certificate. */
  readonly lookup: pulumi.Output<string>;

  constructor(name: string, args: PasswordsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("pgha:index:Passwords", name, {}, opts);
    // Letters and digits only: 190 bits in 32 of them, and no quoting in URLs, SQL or configuration files.
    const password = (use: string) =>
      new random.RandomPassword(`${name}-${use}`, { length: 32, special: false }, { parent: this }).result;
    const salted = (use: string): Password => ({
      password: password(use),
      salt: new random.RandomBytes(`${name}-${use}-salt`, { length: 16 }, { parent: this }).base64,
    });
    this.owner = salted("owner");
    this.user = salted("user");
    this.roles = Object.fromEntries(args.roles.map((role) => [role, salted(`role-${role}`)]));
    this.stats = password("stats");
    this.lookup = password("lookup");
    this.registerOutputs({
      owner: this.owner.password,
      user: this.user.password,
      ...(args.roles.length > 0 && {
        roles: Object.fromEntries(Object.entries(this.roles).map(([role, { password }]) => [role, password])),
      }),
      stats: this.stats,
      lookup: this.lookup,
    });
  }
}
