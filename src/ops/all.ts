// Every kernel of the CPU: for servers. An edge bundle names the families that it carries instead.
import type { Kernel } from "../kernel/kernel.js";
import { basicKernels } from "./basic.js";
import { unaryKernels } from "./unary.js";

export const allKernels: readonly Kernel[] = [...basicKernels, ...unaryKernels];
