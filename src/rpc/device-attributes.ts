// Device attributes as messages and back.
import type { DeviceAttributes } from "../device/device.js";
import { DeviceLocality, DeviceAttributes as Proto } from "../wire/core.js";

export const deviceToProto = (device: DeviceAttributes): Proto => ({
  ...Proto.create(),
  name: device.name,
  deviceType: device.deviceType,
  memoryLimit: device.memoryLimit,
  locality: DeviceLocality.create(),
  incarnation: device.incarnation,
  physicalDeviceDesc: device.physicalDeviceDesc,
  xlaGlobalId: -1n,
});

export const deviceFromProto = ({
  name,
  deviceType,
  memoryLimit,
  incarnation,
  physicalDeviceDesc,
}: Proto): DeviceAttributes => ({
  name,
  deviceType,
  memoryLimit,
  incarnation,
  physicalDeviceDesc,
});
