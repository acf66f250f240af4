/** The official images of Debian, by what EC2 is asked for (wiki.debian.org/Cloud/AmazonEC2Image). */
export const debian = {
  /** The Debian project's account. */
  account: "136693071363",
  /** What all images of this release for x86-64 have, that a machine here can boot. */
  filters: {
    name: "debian-13-amd64-*",
    architecture: "x86_64",
    "virtualization-type": "hvm",
    "root-device-type": "ebs",
    state: "available",
  },
};
