# The channel gateway in a container: docker build -t channel-gateway .
# One image for every role: `gateway up` by default, else `web`, `worker`, `scheduler`, `migrate`.

FROM node:24.11.0-bookworm-slim AS node

FROM python:3.13.9-slim-bookworm AS build
# What the browser's scripts are built with (hatch_build.py), for the time of the build.
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node /usr/local/lib/node_modules /usr/local/lib/node_modules
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
WORKDIR /source
# The build's own tools and what runs later are apart; both come from lock files with hashes.
COPY requirements.lock ./
RUN python -m venv /tools \
    && /tools/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY deploy/requirements.lock deploy/
RUN python -m venv /opt/gateway \
    && /opt/gateway/bin/pip install --no-cache-dir --require-hashes -r deploy/requirements.lock
COPY pyproject.toml hatch_build.py README.md LICENSE CHANGELOG.md ./
COPY gateway gateway
COPY intercom_standin intercom_standin
RUN /tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/gateway/bin/pip install --no-cache-dir --no-deps --no-index /wheels/*.whl

FROM python:3.13.9-slim-bookworm
RUN groupadd --gid 10001 gateway \
    && useradd --uid 10001 --gid gateway --no-create-home --shell /usr/sbin/nologin gateway \
    && install -d -o gateway -g gateway -m 0700 /data /files
COPY --from=build /opt/gateway /opt/gateway
# Nothing is written beside these two folders and /tmp: the root may be read-only.
ENV PATH=/opt/gateway/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    GATEWAY_DATA_DIR=/data
USER 10001:10001
WORKDIR /data
VOLUME ["/data", "/files"]
EXPOSE 8080
STOPSIGNAL SIGTERM
# Of web and up; roles without a door switch it off.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
ENTRYPOINT ["gateway"]
CMD ["up", "--host", "0.0.0.0"]
