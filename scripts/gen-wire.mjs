// Makes src/wire/generated/*.ts from protos/: one module per service group, later ones import the earlier, so that a
// bundle carries each message once. The code is static (no eval), runs over protobufjs' Reader and Writer, keeps
// 64-bit fields as BigInt, maps as Map, and bounds nesting. TensorProto's codec is written by hand and plugged in.
// Run: node scripts/gen-wire.mjs
import { readdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import protobuf from "protobufjs";

const PROTOS = new URL("../protos/", import.meta.url).pathname;
const OUT = new URL("../src/wire/generated/", import.meta.url).pathname;

/** Group of each file: the first whose pattern matches. Order is import order: a group may use earlier ones only. */
const groups = [
  ["master", /protobuf\/master\.proto$/],
  ["worker", /protobuf\/(worker|transport_options)\.proto$/],
  ["eager", /(eager_service|remote_tensor_handle)\.proto$/],
  ["coordination", /coordination_service\.proto$/],
  ["bundle", /(tensor_bundle|tensor_slice|saved_tensor_slice)\.proto$/],
  ["event", /(histogram|summary|event)\.proto$/],
  ["example", /example\//],
  [
    "saved-model",
    /(variable|struct|wrappers|trackable_object_graph|saved_object_graph|saver|meta_graph|saved_model|queue_runner|control_flow)\.proto$/,
  ],
  ["core", /./],
];
const order = ["core", "master", "worker", "eager", "coordination", "bundle", "event", "example", "saved-model"];
const HAND_WRITTEN = new Map([["TensorProto", "../tensor-proto.js"]]);

const scalars = {
  double: ["number", "0", 1, "double"],
  float: ["number", "0", 5, "float"],
  int32: ["number", "0", 0, "int32"],
  uint32: ["number", "0", 0, "uint32"],
  sint32: ["number", "0", 0, "sint32"],
  fixed32: ["number", "0", 5, "fixed32"],
  sfixed32: ["number", "0", 5, "sfixed32"],
  bool: ["boolean", "false", 0, "bool"],
  string: ["string", '""', 2, "string"],
  bytes: ["Uint8Array", "EMPTY", 2, "bytes"],
  int64: ["bigint", "0n", 0, "int64"],
  uint64: ["bigint", "0n", 0, "uint64"],
  sint64: ["bigint", "0n", 0, "sint64"],
  fixed64: ["bigint", "0n", 1, "fixed64"],
};
const WIDE = new Set(["int64", "uint64", "sint64", "fixed64"]);

const root = new protobuf.Root();
root.resolvePath = (_origin, target) => join(PROTOS, target);
const paths = readdirSync(PROTOS, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.name.endsWith(".proto"))
  .map((entry) => relative(PROTOS, join(entry.parentPath, entry.name)))
  .sort();
root.loadSync(paths, { keepCase: true });
root.resolveAll();

// protobufjs brings google.protobuf's well-known types itself, without a file: they belong to core.
const groupOf = (file) => (file === null ? "core" : groups.find(([, pattern]) => pattern.test(file))[0]);
const byGroup = new Map(order.map((name) => [name, []]));
const home = new Map();
collect(root);

function collect(namespace) {
  for (const child of namespace.nestedArray ?? []) {
    if (child instanceof protobuf.Type || child instanceof protobuf.Enum) {
      const group = groupOf(fileOf(child));
      byGroup.get(group).push(child);
      home.set(child, group);
    }
    if (child.nestedArray !== undefined) collect(child);
  }
}

function fileOf(object) {
  for (let o = object; o; o = o.parent) if (o.filename) return relative(PROTOS, o.filename);
  return null;
}

/** `NodeDef.ExperimentalDebugInfo` → `NodeDef_ExperimentalDebugInfo`; other packages lose theirs. */
function typeName(type) {
  const names = [];
  for (let o = type; o instanceof protobuf.Type || o instanceof protobuf.Enum; o = o.parent) names.unshift(o.name);
  return names.join("_");
}

const camel = (name) => name.replace(/_+([a-z0-9])/g, (_, c) => c.toUpperCase());

for (const group of order) writeFileSync(join(OUT, `${group}.ts`), moduleText(group));

function moduleText(group) {
  const used = new Map();
  const use = (type) => {
    const name = typeName(type);
    const from = HAND_WRITTEN.get(name) ?? (home.get(type) === group ? null : `./${home.get(type)}.js`);
    if (from !== null) (used.get(from) ?? used.set(from, new Set()).get(from)).add(name);
    return name;
  };
  const body = byGroup.get(group).map((type) => {
    if (HAND_WRITTEN.has(typeName(type)))
      return `export { ${typeName(type)} } from "${HAND_WRITTEN.get(typeName(type))}";\n`;
    return type instanceof protobuf.Enum ? enumText(type) : messageText(type, use);
  });
  const support = [
    "bytesView",
    "codec",
    "type Codec",
    "depthOf",
    "EMPTY",
    "type Init",
    "type Reader",
    "readInt64",
    "readUint64",
    "readSint64",
    "readFixed64",
    "subEnd",
    "type Writer",
    "writeInt64",
    "writeUint64",
    "writeSint64",
    "writeFixed64",
  ];
  const text = body.join("\n");
  const needed = support.filter((name) => new RegExp(`\\b${name.replace("type ", "")}\\b`).test(text));
  const imports = [...used].map(([from, names]) => `import { ${[...names].sort().join(", ")} } from "${from}";\n`);
  return `// Generated by scripts/gen-wire.mjs from protos/. Do not edit.\nimport { ${needed.join(", ")} } from "../codec.js";\n${imports.join("")}\n${text}`;
}

function enumText(type) {
  const name = typeName(type);
  const values = Object.entries(type.values).map(([key, value]) => `  ${key}: ${value},`);
  return `/** \`${type.fullName.slice(1)}\` */\nexport const ${name} = {\n${values.join("\n")}\n} as const;\nexport type ${name} = number;\n`;
}

function messageText(type, use) {
  const name = typeName(type);
  const fields = type.fieldsArray.map((field) => describe(field, use));
  const interfaceLines = fields.map((f) => `  ${f.key}: ${f.tsType};`);
  const defaults = fields.map((f) => `${f.key}: ${f.initial}`);
  const cases = fields.map((f) => f.read).join("");
  const writes = fields.map((f) => f.write).join("");
  const depth = /\bdepth\b/.test(cases) ? "depth" : "_depth";
  const message = writes === "" ? "_m" : "m";
  return `/** \`${type.fullName.slice(1)}\` */
export interface ${name} {
${interfaceLines.join("\n")}
}

export const ${name}: Codec<${name}> = codec({
  create: (): ${name} => ({ ${defaults.join(", ")} }),
  read(r: Reader, end: number, ${depth}: number): ${name} {
    const m = ${name}.create();
    while (r.pos < end) {
      const tag = r.uint32();
      switch (tag >>> 3) {
${cases}        default:
          r.skipType(tag & 7);
      }
    }
    return m;
  },
  write(${message}: Init<${name}>, w: Writer): Writer {
${writes}    return w;
  },
});
`;
}

function describe(field, use) {
  const key = camel(field.name);
  const tag = field.id;
  const oneof = field.partOf !== null && field.partOf !== undefined;
  const resolved = field.resolvedType;
  const isEnum = resolved instanceof protobuf.Enum;
  const isMessage = resolved instanceof protobuf.Type;
  const scalar = isMessage ? null : scalars[isEnum ? "int32" : field.type];
  if (!isMessage && !scalar) throw new Error(`${field.fullName}: ${field.type}`);
  const ts = isMessage ? use(resolved) : scalar[0];
  const readOne = isMessage
    ? `${ts}.read(r, subEnd(r, end), depthOf(depth))`
    : readScalar(isEnum ? "int32" : field.type);
  const at = (wire) => (tag << 3) | wire;

  if (field.map) {
    const keyScalar = scalars[field.keyType];
    const kind = isEnum ? "int32" : field.type;
    const zero = isMessage ? `${ts}.create()` : scalar[1];
    const readKey = readScalar(field.keyType);
    const read = `        case ${tag}: {
          const entryEnd = subEnd(r, end);
          let k: ${keyScalar[0]} = ${keyScalar[1]};
          let v: ${ts} | undefined;
          while (r.pos < entryEnd) {
            const entryTag = r.uint32();
            if (entryTag >>> 3 === 1) k = ${readKey};
            else if (entryTag >>> 3 === 2) v = ${readOne.replace("subEnd(r, end)", "subEnd(r, entryEnd)")};
            else r.skipType(entryTag & 7);
          }
          m.${key}.set(k, v ?? ${zero});
          break;
        }
`;
    const writeKey = writeScalar(field.keyType, 1, "k");
    const writeValue = isMessage ? `${ts}.write(v, w.uint32(18).fork()).ldelim();` : `${writeScalar(kind, 2, "v")};`;
    const write = `    if (m.${key} !== undefined) {
      for (const [k, v] of m.${key}) {
        w.uint32(${at(2)}).fork();
        ${writeKey};
        ${writeValue}
        w.ldelim();
      }
    }
`;
    return { key, tsType: `Map<${keyScalar[0]}, ${ts}>`, initial: "new Map()", read, write };
  }
  if (field.repeated) {
    const packable = !isMessage && !["string", "bytes"].includes(field.type);
    const read = packable
      ? `        case ${tag}:
          if ((tag & 7) === 2) {
            const packedEnd = subEnd(r, end);
            while (r.pos < packedEnd) m.${key}.push(${readOne});
          } else m.${key}.push(${readOne});
          break;
`
      : `        case ${tag}:
          m.${key}.push(${readOne});
          break;
`;
    let write;
    if (isMessage)
      write = `    if (m.${key} !== undefined) for (const v of m.${key}) ${ts}.write(v, w.uint32(${at(2)}).fork()).ldelim();\n`;
    else if (packable && field.packed) {
      const one = isEnum ? "w.int32(v)" : WIDE.has(field.type) ? `write${cap(field.type)}(w, v)` : `w.${scalar[3]}(v)`;
      write = `    if (m.${key} !== undefined && m.${key}.length > 0) {
      w.uint32(${at(2)}).fork();
      for (const v of m.${key}) ${one};
      w.ldelim();
    }
`;
    } else
      write = `    if (m.${key} !== undefined) for (const v of m.${key}) ${writeScalar(isEnum ? "int32" : field.type, tag, "v")};\n`;
    return { key, tsType: `${ts}[]`, initial: "[]", read, write };
  }
  const optional = isMessage || oneof;
  // The last member of a oneof on the wire is the one that is set.
  const others = oneof ? field.partOf.fieldsArray.filter((f) => f !== field).map((f) => `m.${camel(f.name)} = `) : [];
  const clear = others.length > 0 ? `\n          ${others.join("")}undefined;` : "";
  const read = `        case ${tag}:${clear}
          m.${key} = ${readOne};
          break;
`;
  let write;
  if (isMessage) write = `    if (m.${key} !== undefined) ${ts}.write(m.${key}, w.uint32(${at(2)}).fork()).ldelim();\n`;
  else {
    const test = oneof || field.options?.proto3_optional ? "" : ` && ${nonZero(field.type, isEnum, `m.${key}`)}`;
    write = `    if (m.${key} !== undefined${test}) ${writeScalar(isEnum ? "int32" : field.type, tag, `m.${key}`)};\n`;
  }
  return { key, tsType: optional ? `${ts} | undefined` : ts, initial: optional ? "undefined" : scalar[1], read, write };
}

function nonZero(type, isEnum, value) {
  if (isEnum) return `${value} !== 0`;
  if (WIDE.has(type)) return `${value} !== 0n`;
  if (type === "bool") return value;
  if (type === "string" || type === "bytes") return `${value}.length > 0`;
  if (type === "float" || type === "double") return `!Object.is(${value}, 0)`;
  return `${value} !== 0`;
}

function cap(text) {
  return text[0].toUpperCase() + text.slice(1);
}

function readScalar(type) {
  if (WIDE.has(type)) return `read${cap(type)}(r)`;
  if (type === "bytes") return "bytesView(r)";
  return `r.${scalars[type][3]}()`;
}

function writeScalar(type, tag, value) {
  const head = `w.uint32(${(tag << 3) | scalars[type][2]})`;
  if (WIDE.has(type)) return `write${cap(type)}(${head}, ${value})`;
  return `${head}.${scalars[type][3]}(${value})`;
}
