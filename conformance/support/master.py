"""MasterService over plain gRPC: the requests that a Python session would send, and those that it refuses to send.

Takes an address and TensorFlow's own message classes; gives answers as messages and failures as (code, text).
The request messages aren't part of the pip package, so they are described here, field by field.
"""

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tensorflow.core.framework import graph_pb2, tensor_pb2, types_pb2  # noqa: F401  (their descriptors must be in the pool)
from tensorflow.core.protobuf import config_pb2, named_tensor_pb2  # noqa: F401

_TYPES = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "string": _TYPES.TYPE_STRING,
    "int64": _TYPES.TYPE_INT64,
    "int32": _TYPES.TYPE_INT32,
    "bool": _TYPES.TYPE_BOOL,
}

# message: (name, number, type, repeated)
_MESSAGES = {
    "CreateSessionRequest": [("graph_def", 1, "GraphDef"), ("config", 2, "ConfigProto"), ("target", 3, "string")],
    "CreateSessionResponse": [("session_handle", 1, "string"), ("graph_version", 2, "int64")],
    "ExtendSessionRequest": [
        ("session_handle", 1, "string"),
        ("graph_def", 2, "GraphDef"),
        ("current_graph_version", 3, "int64"),
    ],
    "ExtendSessionResponse": [("new_graph_version", 4, "int64")],
    "RunStepRequest": [
        ("session_handle", 1, "string"),
        ("feed", 2, "NamedTensorProto*"),
        ("fetch", 3, "string*"),
        ("target", 4, "string*"),
        ("options", 5, "RunOptions"),
        ("partial_run_handle", 6, "string"),
        ("store_errors_in_response_body", 7, "bool"),
        ("request_id", 8, "int64"),
    ],
    "RunStepResponse": [
        ("tensor", 1, "NamedTensorProto*"),
        ("metadata", 2, "RunMetadata"),
        ("status_code", 3, "int32"),
        ("status_error_message", 4, "string"),
    ],
    "PartialRunSetupRequest": [
        ("session_handle", 1, "string"),
        ("feed", 2, "string*"),
        ("fetch", 3, "string*"),
        ("target", 4, "string*"),
        ("request_id", 5, "int64"),
    ],
    "PartialRunSetupResponse": [("partial_run_handle", 1, "string")],
    "CloseSessionRequest": [("session_handle", 1, "string")],
    "CloseSessionResponse": [],
    "ResetRequest": [("container", 1, "string*"), ("device_filters", 2, "string*")],
    "ResetResponse": [],
    "ListDevicesRequest": [("session_handle", 1, "string")],
    "ListDevicesResponse": [("local_device", 1, "DeviceAttributes*"), ("remote_device", 2, "DeviceAttributes*")],
    "MakeCallableRequest": [
        ("session_handle", 1, "string"),
        ("options", 2, "CallableOptions"),
        ("request_id", 3, "int64"),
    ],
    "MakeCallableResponse": [("handle", 1, "int64")],
    "RunCallableRequest": [
        ("session_handle", 1, "string"),
        ("handle", 2, "int64"),
        ("feed", 3, "TensorProto*"),
        ("request_id", 4, "int64"),
    ],
    "RunCallableResponse": [("fetch", 1, "TensorProto*"), ("metadata", 2, "RunMetadata")],
    "ReleaseCallableRequest": [("session_handle", 1, "string"), ("handle", 2, "int64")],
    "ReleaseCallableResponse": [],
}


def _classes():
    from tensorflow.core.framework import device_attributes_pb2

    pool = descriptor_pool.Default()
    known = {}
    for cls in (
        graph_pb2.GraphDef,
        config_pb2.ConfigProto,
        config_pb2.RunOptions,
        config_pb2.RunMetadata,
        config_pb2.CallableOptions,
        named_tensor_pb2.NamedTensorProto,
        tensor_pb2.TensorProto,
        device_attributes_pb2.DeviceAttributes,
    ):
        known[cls.DESCRIPTOR.name] = cls.DESCRIPTOR
    file = descriptor_pb2.FileDescriptorProto(
        name="tensorfleet/conformance/master.proto", package="tensorfleet.conformance", syntax="proto3"
    )
    file.dependency.extend(sorted({descriptor.file.name for descriptor in known.values()}))
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            base = kind.rstrip("*")
            entry = message.field.add(
                name=field,
                number=number,
                label=_TYPES.LABEL_REPEATED if kind.endswith("*") else _TYPES.LABEL_OPTIONAL,
            )
            if base in _SCALARS:
                entry.type = _SCALARS[base]
            else:
                entry.type = _TYPES.TYPE_MESSAGE
                entry.type_name = "." + known[base].full_name
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"tensorfleet.conformance.{name}"))
        for name in _MESSAGES
    }


messages = _classes()


def to_array(proto):
    """A tensor of an answer; a server packs strings into `tensor_content`, all lengths first."""
    if proto.dtype != types_pb2.DT_STRING or not proto.tensor_content:
        return tf.make_ndarray(proto)
    shape = [dim.size for dim in proto.tensor_shape.dim]
    data, at, lengths = proto.tensor_content, 0, []
    for _ in range(int(np.prod(shape))):
        length = shift = 0
        while True:
            byte = data[at]
            at += 1
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        lengths.append(length)
    values = np.empty(len(lengths), object)
    for k, length in enumerate(lengths):
        values[k] = data[at : at + length]
        at += length
    return values.reshape(shape)


class Failure(Exception):
    """A call that the server refused, or a step whose answer holds an error."""

    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


class Master:
    """One channel to one master; each method of the service is a method here and takes the request's fields."""

    def __init__(self, target):
        address = target.removeprefix("grpc://")
        options = [
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1),
            ("grpc.use_local_subchannel_pool", 1),
        ]
        self.channel = grpc.insecure_channel(address, options=options)

    def close(self):
        self.channel.close()

    def method(self, name, service="tensorflow.MasterService"):
        return self.channel.unary_unary(f"/{service}/{name}")

    def raw(self, name, data, timeout=30, service="tensorflow.MasterService"):
        """Sends bytes as they are, gives the answer's bytes."""
        try:
            return self.method(name, service)(data, timeout=timeout, wait_for_ready=True)
        except grpc.RpcError as error:
            raise Failure(error.code().value[0], error.details()) from None

    def call(self, name, timeout=30, **fields):
        request = messages[f"{name}Request"](**fields)
        answer = self.raw(name, request.SerializeToString(), timeout)
        return messages[f"{name}Response"].FromString(answer)

    def run(self, handle, feeds=(), fetches=(), targets=(), timeout=30, **fields):
        """RunStep with errors in the body, as Python's sessions ask for them; feeds are (name, TensorProto)."""
        fields.setdefault("store_errors_in_response_body", True)
        fields.setdefault("options", {})
        answer = self.call(
            "RunStep",
            timeout,
            session_handle=handle,
            feed=[{"name": name, "tensor": value} for name, value in feeds],
            fetch=fetches,
            target=targets,
            **fields,
        )
        if answer.status_code != 0:
            raise Failure(answer.status_code, answer.status_error_message)
        return {item.name: item.tensor for item in answer.tensor}, answer
