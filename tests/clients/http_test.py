"""tritonclient over HTTP: binary and JSON, at once and later."""

import asyncio
import unittest

import numpy as np
import tritonclient.http as http
import tritonclient.http.aio as http_aio
from served import HTTP_URL, MODEL, ClientTest, CommonTests


class HttpTest(CommonTests, ClientTest):
    module = http

    def setUp(self):
        self.client = http.InferenceServerClient(HTTP_URL, concurrency=8, network_timeout=120)
        self.addCleanup(self.client.close)

    def metadata(self):
        return self.client.get_model_metadata(MODEL)

    def test_config_statistics_and_index(self):
        self.infer(self.rows(1))
        self.assertEqual(self.client.get_model_config(MODEL)["name"], MODEL)
        (stats,) = self.client.get_inference_statistics(MODEL)["model_stats"]
        self.assertGreater(stats["inference_stats"]["success"]["count"], 0)
        index = self.client.get_model_repository_index()
        self.assertIn(MODEL, [entry["name"] for entry in index])

    def test_json_and_binary_agree(self):
        rows = self.rows(1)
        answers = []
        for binary_in in (True, False):
            for binary_out in (True, False):
                requested = http.InferRequestedOutput(self.output_name(), binary_data=binary_out)
                tensor = self.input(rows, binary_data=binary_in)
                answer = self.client.infer(MODEL, [tensor], outputs=[requested])
                answers.append(answer.as_numpy(self.output_name()))
        for answer in answers[1:]:
            np.testing.assert_allclose(answer, answers[0], rtol=1e-4, atol=1e-6)

    def test_compression(self):
        rows = self.rows(1)
        expected = self.infer(rows)
        for algorithm in ("gzip", "deflate"):
            packed = self.infer(
                rows,
                request_compression_algorithm=algorithm,
                response_compression_algorithm=algorithm,
            )
            np.testing.assert_allclose(packed, expected, rtol=1e-4, atol=1e-6)

    def test_async(self):
        batches = [self.rows(1, seed) for seed in range(8)]
        pending = [self.client.async_infer(MODEL, [self.input(rows)]) for rows in batches]
        for rows, later in zip(batches, pending):
            answer = later.get_result().as_numpy(self.output_name())
            np.testing.assert_allclose(answer, self.infer(rows), rtol=1e-3, atol=1e-5)

    def test_asyncio(self):
        rows = self.rows(1)
        expected = self.infer(rows)

        async def ask():
            async with http_aio.InferenceServerClient(HTTP_URL) as client:
                return await asyncio.gather(
                    *(client.infer(MODEL, [self.input(rows)]) for _ in range(4))
                )

        for answer in asyncio.run(ask()):
            np.testing.assert_allclose(
                answer.as_numpy(self.output_name()), expected, rtol=1e-3, atol=1e-5
            )


if __name__ == "__main__":
    unittest.main(verbosity=2)
