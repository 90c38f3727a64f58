"""What a Python user does who has nothing but grpcio and the address: prints one JSON document of what it got."""

import json
import sys

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import MessageToDict
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

channel = grpc.insecure_channel(sys.argv[1])
database = ProtoReflectionDescriptorDatabase(channel)
pool = DescriptorPool(database)


def call(service, method, request, timeout=30):
    described = pool.FindServiceByName(service).FindMethodByName(method)
    message = GetMessageClass(described.input_type)(**request)
    kind = channel.unary_stream if described.server_streaming else channel.unary_unary
    ask = kind(
        f"/{service}/{method}",
        request_serializer=lambda m: m.SerializeToString(),
        response_deserializer=GetMessageClass(described.output_type).FromString,
    )
    return ask(message, timeout=timeout)


def plain(message):
    return MessageToDict(message, preserving_proto_field_name=True)


def submit(handler, text):
    return call("troupe.v1.Jobs", "SubmitJob", {"job": {"handler": handler, "input": {"json": text}}}).job_id


def watched(job):
    return [plain(update)["job"]["state"] for update in call("troupe.v1.Jobs", "WatchJob", {"job_id": job})]


def refusal():
    try:
        submit("no.such", "1")
    except grpc.RpcError as error:
        status = rpc_status.from_call(error)
        info = error_details_pb2.ErrorInfo()
        status.details[0].Unpack(info)
        return {"code": error.code().name, "reason": info.reason, "domain": info.domain}


echo = submit("test.echo", '{"x":1}')
half = submit("test.half", "null")
month = 30 * 24 * 3600
print(
    json.dumps(
        {
            "services": sorted(database.get_services()),
            "states": watched(echo),
            "patient": plain(call("troupe.v1.Jobs", "GetJob", {"job_id": echo}, timeout=month))["job"]["output"],
            "half": watched(half)[-1:] + [plain(call("troupe.v1.Jobs", "GetJob", {"job_id": half}))["job"]["failure"]],
            "log": plain(call("troupe.v1.Jobs", "GetJobLog", {"job_id": half}))["log"]["lines"],
            "page": len(call("troupe.v1.Jobs", "ListJobs", {}).jobs),
            "health": plain(call("grpc.health.v1.Health", "Check", {"service": "troupe.v1.Jobs"})),
            "refusal": refusal(),
        }
    )
)
