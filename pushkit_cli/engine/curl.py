"""A push as a shell pipeline: the provider token flows through a pipe and is never written down."""

import shlex

from pushkit_cli.engine.planning import Plan, Shot


def pipeline(shot: Shot, plan: Plan) -> str:
    """`pushkit token --header | curl …`: it sends the same request, and holds no secret."""
    words = ["curl", "--http2", "--silent", "--show-error", "--include", *_proxy(plan)]
    if plan.insecure:
        words.append("--insecure")
    elif plan.where.cacert is not None:
        words += ["--cacert", str(plan.where.cacert)]
    files = plan.signer.certificate
    if files is not None:
        words += ["--cert", str(files.chain_file), "--key", str(files.key_file)]
    else:
        words += ["-H", "@-"]
    path = ""
    for name, value in shot.request.headers:
        text = value.decode("utf-8", "replace")
        if name == b":path":
            path = text
        elif not name.startswith(b":"):
            words += ["-H", f"{name.decode('ascii')}: {text}"]
    words += ["--data-raw", shot.request.body.decode("utf-8", "replace")]
    words.append(f"{plan.where.endpoint}{path}")
    sending = " ".join(shlex.quote(word) for word in words)
    if files is not None:
        return sending
    profile = [] if plan.profile == "default" else ["--profile", plan.profile]
    app = [] if plan.app is None else ["--app", plan.app]
    minting = ["pushkit", *profile, "token", "--header", *app, "--env", str(plan.where.target)]
    return f"{shlex.join(minting)} | {sending}"


def _proxy(plan: Plan) -> list[str]:
    """The proxy, unless it has a password: curl then finds that in HTTPS_PROXY, as we do."""
    if plan.proxy is None:
        return ["--noproxy", "*"]
    return [] if plan.proxy.credentials else ["--proxy", f"http://{plan.proxy}"]
