"""tritonclient over gRPC: calls, streams, health, and the protocol's own description."""

import asyncio
import queue
import unittest

import grpc as grpcio
import numpy as np
import tritonclient.grpc as grpc
import tritonclient.grpc.aio as grpc_aio
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from served import GRPC_URL, MODEL, ClientTest, CommonTests
from tritonclient.grpc import model_config_pb2, service_pb2


class GrpcTest(CommonTests, ClientTest):
    module = grpc

    def setUp(self):
        self.client = grpc.InferenceServerClient(GRPC_URL)
        self.addCleanup(self.client.close)

    def metadata(self):
        metadata = self.client.get_model_metadata(MODEL, as_json=True)
        for tensor in [*metadata["inputs"], *metadata["outputs"]]:
            tensor["shape"] = [int(size) for size in tensor["shape"]]
        return metadata

    def test_config_statistics_and_index(self):
        self.infer(self.rows(1))
        self.assertEqual(self.client.get_model_config(MODEL).config.name, MODEL)
        (stats,) = self.client.get_inference_statistics(MODEL).model_stats
        self.assertGreater(stats.inference_stats.success.count, 0)
        index = self.client.get_model_repository_index()
        self.assertIn(MODEL, [entry.name for entry in index.models])
        self.client.get_trace_settings(MODEL)
        self.client.get_log_settings()

    def test_compression(self):
        rows = self.rows(1)
        packed = self.infer(rows, compression_algorithm="gzip")
        np.testing.assert_allclose(packed, self.infer(rows), rtol=1e-4, atol=1e-6)

    def test_async(self):
        batches = [self.rows(1, seed) for seed in range(8)]
        answers = queue.Queue()
        for index, rows in enumerate(batches):
            self.client.async_infer(
                MODEL,
                [self.input(rows)],
                callback=lambda result, error: answers.put((result, error)),
                request_id=str(index),
            )
        for _ in batches:
            result, error = answers.get(timeout=120)
            self.assertIsNone(error)
            rows = batches[int(result.get_response().id)]
            answer = result.as_numpy(self.output_name())
            np.testing.assert_allclose(answer, self.infer(rows), rtol=1e-3, atol=1e-5)

    def test_stream(self):
        answers = queue.Queue()
        self.client.start_stream(lambda result, error: answers.put((result, error)))
        for index in range(20):
            self.client.async_stream_infer(
                MODEL, [self.input(self.rows(1, index))], request_id=str(index)
            )
        for index in range(20):
            result, error = answers.get(timeout=120)
            self.assertIsNone(error)
            self.assertEqual(result.get_response().id, str(index))
        self.client.async_stream_infer("stranger", [self.input(self.rows(1))])
        _, error = answers.get(timeout=120)
        self.assertIn("stranger", str(error))
        self.client.async_stream_infer(MODEL, [self.input(self.rows(1))])
        _, error = answers.get(timeout=120)
        self.assertIsNone(error)
        self.client.stop_stream()

    def test_cancel(self):
        answers = queue.Queue()
        call = self.client.async_infer(
            MODEL,
            [self.input(self.rows(8))],
            callback=lambda result, error: answers.put((result, error)),
        )
        call.cancel()
        _, error = answers.get(timeout=120)
        self.assertIn("CANCELLED", str(error))
        self.infer(self.rows(1))

    def test_asyncio(self):
        rows = self.rows(1)
        expected = self.infer(rows)

        async def ask():
            async with grpc_aio.InferenceServerClient(GRPC_URL) as client:
                return await asyncio.gather(
                    *(client.infer(MODEL, [self.input(rows)]) for _ in range(4))
                )

        for answer in asyncio.run(ask()):
            np.testing.assert_allclose(
                answer.as_numpy(self.output_name()), expected, rtol=1e-3, atol=1e-5
            )


class DescriptionTest(unittest.TestCase):
    """What the server says of itself, to tools that know nothing."""

    def setUp(self):
        self.channel = grpcio.insecure_channel(GRPC_URL)
        self.addCleanup(self.channel.close)

    def test_health(self):
        health = health_pb2_grpc.HealthStub(self.channel)
        for service in ("", "inference.GRPCInferenceService"):
            answer = health.Check(health_pb2.HealthCheckRequest(service=service))
            self.assertEqual(answer.status, health_pb2.HealthCheckResponse.SERVING)

    def test_messages_are_those_that_clients_know(self):
        """Every message, field and method here has the number and type it has there."""
        database = ProtoReflectionDescriptorDatabase(self.channel)
        self.assertIn("inference.GRPCInferenceService", database.get_services())
        pool = descriptor_pool.DescriptorPool(database)
        service = pool.FindServiceByName("inference.GRPCInferenceService")
        ours = facts([as_proto(service.file)])
        theirs = facts([as_proto(service_pb2.DESCRIPTOR), as_proto(model_config_pb2.DESCRIPTOR)])
        self.assertGreater(len(ours), 150)
        for fact, value in ours.items():
            self.assertEqual(value, theirs.get(fact), fact)


def as_proto(file):
    proto = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(proto)
    return proto


def facts(files):
    """Flattens descriptions to names and what matters on the wire."""
    found = {}

    def add_enum(scope, enum):
        for value in enum.value:
            found[f"{scope}.{enum.name}.{value.name}"] = value.number

    def add_message(scope, message):
        name = f"{scope}.{message.name}"
        for field in message.field:
            kind = field.type_name or field.type
            found[f"{name}.{field.name}"] = (field.number, field.label, kind)
        for enum in message.enum_type:
            add_enum(name, enum)
        for nested in message.nested_type:
            add_message(name, nested)

    for file in files:
        for message in file.message_type:
            add_message(f".{file.package}", message)
        for enum in file.enum_type:
            add_enum(f".{file.package}", enum)
        for service in file.service:
            for method in service.method:
                found[f"{service.name}/{method.name}"] = (
                    method.input_type,
                    method.output_type,
                    method.client_streaming,
                    method.server_streaming,
                )
    return found


if __name__ == "__main__":
    unittest.main(verbosity=2)
