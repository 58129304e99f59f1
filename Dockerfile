# `rankiqa serve` on ONNX Runtime alone; the model and its license lie inside.
#     docker build -t rankiqa . && docker run --rm -p 7860:7860 rankiqa
FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml MANIFEST.in README.md LICENSE NOTICE ./
COPY pretrained/LICENSE pretrained/LICENSE
COPY rankiqa rankiqa
RUN python -m venv /opt/rankiqa \
    && /opt/rankiqa/bin/pip install --no-cache-dir --no-compile ".[serve]" \
    && /opt/rankiqa/bin/pip uninstall --yes pip

FROM python:3.13-slim
COPY --from=build /opt/rankiqa /opt/rankiqa
RUN useradd --system rankiqa
USER rankiqa
EXPOSE 7860
# RANKIQA_API_KEY sets the key that clients must send
ENTRYPOINT ["/opt/rankiqa/bin/rankiqa", "serve", "--host", "0.0.0.0"]
