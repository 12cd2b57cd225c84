"""What the tests know of the server under test, and what they share."""

import os
import unittest

import numpy as np

HTTP_URL = os.environ["DNNSCALER_TEST_HTTP"]
GRPC_URL = os.environ["DNNSCALER_TEST_GRPC"]
MODEL = os.environ["DNNSCALER_TEST_MODEL"]


class ClientTest(unittest.TestCase):
    """Tests that hold for every client; a subclass sets `module` and makes `client`."""

    module = None
    # Keyword arguments that a client takes beside the common ones.
    infer_options = {}

    def metadata(self):
        """The model's metadata as plain names, types and shapes."""
        raise NotImplementedError

    def rows(self, count, seed=1):
        """Random rows for the model's only input."""
        shape = [count, *self.metadata()["inputs"][0]["shape"][1:]]
        return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)

    def input(self, rows, **options):
        spec = self.metadata()["inputs"][0]
        tensor = self.module.InferInput(spec["name"], list(rows.shape), spec["datatype"])
        tensor.set_data_from_numpy(rows, **options)
        return tensor

    def output_name(self):
        return self.metadata()["outputs"][0]["name"]

    def infer(self, rows, **options):
        answer = self.client.infer(MODEL, [self.input(rows)], **{**self.infer_options, **options})
        return answer.as_numpy(self.output_name())


class CommonTests:
    """What tritonclient's HTTP and gRPC clients do alike."""

    def test_health(self):
        self.assertTrue(self.client.is_server_live())
        self.assertTrue(self.client.is_server_ready())
        self.assertTrue(self.client.is_model_ready(MODEL))
        self.assertTrue(self.client.is_model_ready(MODEL, "1"))
        self.assertFalse(self.client.is_model_ready("stranger"))

    def test_metadata(self):
        metadata = self.metadata()
        self.assertEqual(metadata["name"], MODEL)
        self.assertEqual(metadata["inputs"][0]["datatype"], "UINT8")
        self.assertTrue(metadata["versions"])

    def test_rows_of_a_batch_are_answered_as_alone(self):
        rows = self.rows(3)
        together = self.infer(rows)
        self.assertEqual(together.shape[0], 3)
        for index in range(3):
            alone = self.infer(rows[index : index + 1])
            np.testing.assert_allclose(together[index], alone[0], rtol=1e-3, atol=1e-5)

    def test_id_and_requested_output(self):
        requested = [self.module.InferRequestedOutput(self.output_name())]
        answer = self.client.infer(
            MODEL, [self.input(self.rows(1))], outputs=requested, request_id="seven"
        )
        response = answer.get_response()
        name = response["id"] if isinstance(response, dict) else response.id
        self.assertEqual(name, "seven")
        self.assertIsNotNone(answer.as_numpy(self.output_name()))

    def test_classification(self):
        rows = self.rows(2)
        scores = self.infer(rows)
        requested = [self.module.InferRequestedOutput(self.output_name(), class_count=3)]
        answer = self.client.infer(MODEL, [self.input(rows)], outputs=requested)
        classes = answer.as_numpy(self.output_name())
        self.assertEqual(classes.shape, (2, 3))
        for row in range(2):
            best = int(np.argmax(scores[row]))
            self.assertEqual(int(classes[row][0].decode().split(":")[1]), best)

    def test_priority_and_timeout(self):
        self.infer(self.rows(1), priority=1, timeout=10_000_000)

    def test_errors(self):
        from tritonclient.utils import InferenceServerException

        wrong = np.zeros([1, 2], dtype=np.uint8)
        with self.assertRaises(InferenceServerException):
            self.infer(wrong)
        with self.assertRaises(InferenceServerException):
            self.client.infer("stranger", [self.input(self.rows(1))])
        with self.assertRaises(InferenceServerException):
            self.client.get_model_metadata("stranger")

    def test_reload(self):
        self.client.load_model(MODEL)
        self.assertTrue(self.client.is_model_ready(MODEL))
        self.infer(self.rows(1))
