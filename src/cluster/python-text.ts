// Values as Python shows them: TensorFlow's texts about clusters quote what the caller gave by `repr`.
// Takes a JavaScript value, gives text.

/** `repr(text)`: single quotes, unless the text has those and no double ones. */
function quoted(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  let out = "";
  for (const char of text) {
    const code = char.codePointAt(0)!;
    if (char === "\\" || char === mark) out += `\\${char}`;
    else if (char === "\n") out += "\\n";
    else if (char === "\r") out += "\\r";
    else if (char === "\t") out += "\\t";
    else if (code < 32 || code === 127) out += `\\x${code.toString(16).padStart(2, "0")}`;
    else out += char;
  }
  return mark + out + mark;
}

export function pythonRepr(value: unknown): string {
  if (typeof value === "string") return quoted(value);
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(pythonRepr).join(", ")}]`;
  if (value instanceof Map) {
    return `{${[...value].map(([key, mapped]) => `${pythonRepr(key)}: ${pythonRepr(mapped)}`).join(", ")}}`;
  }
  if (typeof value === "object") return pythonRepr(new Map(Object.entries(value)));
  return String(value);
}

/** `type(value).__name__` of what comes nearest in Python. */
export function pythonType(value: unknown): string {
  if (value === null || value === undefined) return "NoneType";
  if (typeof value === "string") return "str";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number") return Number.isInteger(value) ? "int" : "float";
  if (typeof value === "bigint") return "int";
  return Array.isArray(value) ? "list" : "dict";
}
