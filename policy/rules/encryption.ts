import { object, objects, types, type Rule } from "../rule";

/** Said for each disk: what an account has as its default may change, and need not be the same in every region. */
export const encryption: Rule = {
  name: "disks-encrypted",
  description: "Every disk is encrypted: root disks, data volumes and whatever else is attached.",
  faults({ type, props }) {
    if (type === types.volume) return props.encrypted === true ? [] : ["Set encrypted to true."];
    if (type !== types.instance) return [];
    const faults: string[] = [];
    if (object(props.rootBlockDevice).encrypted !== true) faults.push("Set rootBlockDevice.encrypted to true.");
    for (const device of objects(props.ebsBlockDevices)) {
      if (device.encrypted !== true)
        faults.push(`Set encrypted to true in ebsBlockDevices, ${String(device.deviceName)}.`);
    }
    return faults;
  },
};
