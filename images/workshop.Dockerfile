# An image for tiers on Docker: Python, R and a terminal, from Debian and PyPI. Build it on the hub's host with
#     docker build --build-arg JUPYTERHUB=$(PREFIX/current/bin/jupyterhub --version) -t sitekit/workshop:2027 \
#         -f images/workshop.Dockerfile images
# podman builds it in the same way. JUPYTERHUB is the version of the hub.
FROM debian:12-slim
ARG JUPYTERHUB
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3-venv r-base-core r-cran-irkernel git less nano procps \
    && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/jupyter \
    && /opt/jupyter/bin/pip install --no-cache-dir "jupyterhub==${JUPYTERHUB:?}" jupyterlab notebook ipykernel nbgitpuller \
       numpy pandas matplotlib
# Debian installs the kernel of R where the server of the image does not look.
RUN mkdir -p /opt/jupyter/share/jupyter/kernels /opt/sitekit-session \
    && cp -r /usr/lib/R/site-library/IRkernel/kernelspec /opt/jupyter/share/jupyter/kernels/ir
