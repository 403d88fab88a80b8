# The service in a container: the package with pinned dependencies and the CPU build of PyTorch, run as an ordinary user.
# Not here: development tools, GPU runtimes, Node (only the stage that builds the dashboard has it).
FROM node:20-slim AS dashboard
WORKDIR /src/api/dashboard
COPY api/dashboard/package.json api/dashboard/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY docs/reference/openapi.json /src/docs/reference/
COPY api/dashboard ./
RUN npm run build

FROM python:3.11-slim AS build

# Where pip finds the CPU build of PyTorch; without it the default build comes, which brings CUDA (README, "CPU or CUDA build").
ARG PIP_EXTRA_INDEX_URL=
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src

RUN python -m venv /opt/hwnas
COPY constraints.txt ./
RUN /opt/hwnas/bin/pip install --constraint constraints.txt setuptools "$(grep '^torch==' constraints.txt)"

COPY pyproject.toml README.md LICENSE ./
COPY search_spaces search_spaces
COPY hw_targets hw_targets
COPY latency_models latency_models
COPY nas nas
COPY api api
COPY --from=dashboard /src/api/dashboard/dist api/dashboard/dist
RUN /opt/hwnas/bin/pip install --constraint constraints.txt --no-build-isolation '.[postgresql,pretrained,s3]'

FROM python:3.11-slim
RUN groupadd --system --gid 10001 hwnas && useradd --system --uid 10001 --gid hwnas hwnas \
    && install --directory --owner hwnas --group hwnas --mode 0700 /var/lib/hwnas
COPY --from=build /opt/hwnas /opt/hwnas
ENV PATH=/opt/hwnas/bin:$PATH PYTHONUNBUFFERED=1 HWNAS_HOME=/var/lib/hwnas
# ONNX Runtime and Ray report their use to their makers unless told not to.
ENV ORT_DISABLE_TELEMETRY=1 RAY_USAGE_STATS_ENABLED=0
USER 10001:10001
WORKDIR /var/lib/hwnas
VOLUME /var/lib/hwnas
EXPOSE 8000
CMD ["hwnas", "serve"]
