// OpError and its sixteen subclasses.
import * as assert from "uvu/assert";
import * as errors from "../../../src/errors/index.js";
import { test } from "../../support/suite.js";

const { Code, OpError, opErrorFromCode, toOpError } = errors;

const classes = new Map<string, unknown>(Object.entries(errors));

/** `INVALID_ARGUMENT` → `InvalidArgumentError` */
const className = (name: string): string =>
  `${name
    .toLowerCase()
    .split("_")
    .map((word) => word[0]!.toUpperCase() + word.slice(1))
    .join("")}Error`;

test("every code has its class, by TensorFlow's name and number", () => {
  const names = Object.entries(Code).filter(([, code]) => code !== 0);
  assert.is(names.length, 16);
  for (const [name, code] of names) {
    const error = opErrorFromCode(code, "text");
    assert.is(error.name, className(name));
    assert.is(error.constructor, classes.get(className(name)));
    assert.ok(error instanceof OpError && error instanceof Error);
    assert.is(error.code, code);
    assert.is(error.codeName, name);
    assert.is(error.message, "text");
  }
  assert.is(Code.CANCELLED, 1);
  assert.is(Code.UNAUTHENTICATED, 16);
});

test("an unknown code becomes UNKNOWN", () => {
  for (const code of [17, 99, -1]) assert.instance(opErrorFromCode(code, "x"), errors.UnknownError);
});

test("an error carries its origin, its payloads and its cause", () => {
  const cause = new Error("below");
  const payloads = new Map([["url", Uint8Array.of(1)]]);
  const error = new errors.NotFoundError("text", { cause, node: "n", op: "MatMul", device: "d", task: "t", payloads });
  assert.is(error.cause, cause);
  assert.equal([error.node, error.op, error.device, error.task], ["n", "MatMul", "d", "t"]);
  assert.is(error.payloads.get("url")![0], 1);
  const other = error.withMessage("From t:\ntext");
  assert.instance(other, errors.NotFoundError);
  assert.equal([other.message, other.node, other.payloads.size], ["From t:\ntext", "n", 1]);
});

test("whatever was thrown becomes an OpError", () => {
  const own = new errors.AbortedError("gone");
  assert.is(toOpError(own), own);
  const thrown = new RangeError("too far");
  const wrapped = toOpError(thrown);
  assert.instance(wrapped, errors.InternalError);
  assert.equal([wrapped.message, wrapped.cause], ["too far", thrown]);
  assert.is(toOpError("a string").message, "a string");
  assert.instance(toOpError(undefined), errors.InternalError);
});

test("a derived error is marked by its payload", () => {
  const error = new errors.CancelledError("x");
  assert.not(error.derived);
  const derived = error.asDerived();
  assert.ok(derived.derived);
  assert.instance(derived, errors.CancelledError);
  assert.is(derived.payloads.get("type.googleapis.com/tensorflow.DerivedStatus")!.length, 0);
  assert.is(derived.asDerived(), derived);
});

test.run();
