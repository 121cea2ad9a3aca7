"""aioapns at a listener. It is told no more than what `pushkit env` prints.

stdin is a list of batches of pushes, stdout the same list with what the library says of each push.
The pushes of a batch are under way at the same time.
"""

import asyncio
import json
import os
import ssl
import sys
from pathlib import Path
from typing import Any

# It is installed beside the environment of the tests, not in it.
from aioapns import (  # type: ignore[import-not-found]
    APNs,
    NotificationRequest,
    PushType,
)
from aioapns.common import (  # type: ignore[import-not-found]
    NotificationResult,
)
from aioapns.connection import (  # type: ignore[import-not-found]
    APNsDevelopmentClientProtocol,
)


def client() -> APNs:
    APNsDevelopmentClientProtocol.APNS_SERVER = os.environ["PUSHKIT_HOST"]
    APNsDevelopmentClientProtocol.APNS_PORT = int(os.environ["PUSHKIT_PORT"])
    return APNs(
        key=Path(os.environ["PUSHKIT_KEY_FILE"]).read_text(encoding="ascii"),
        key_id=os.environ["PUSHKIT_KEY_ID"],
        team_id=os.environ["PUSHKIT_TEAM_ID"],
        topic=os.environ["PUSHKIT_BUNDLE_ID"],
        use_sandbox=True,
        ssl_context=ssl.create_default_context(cafile=os.environ["PUSHKIT_CA_FILE"]),
        err_func=heard,
    )


async def heard(request: NotificationRequest, result: NotificationResult) -> None:
    """A refusal is part of the table; without this the library writes it to stderr."""


async def send(apns: APNs, push: dict[str, Any]) -> dict[str, Any]:
    result = await apns.send_notification(
        NotificationRequest(
            device_token=os.environ.get(push["token"], push["token"]),
            message=push["payload"],
            priority=push["priority"],
            push_type=PushType(push["type"]),
            apns_topic=os.environ["PUSHKIT_BUNDLE_ID"] + push["suffix"],
        )
    )
    if result.is_successful:
        return {"accepted": True}
    return {"accepted": False, "status": int(result.status), "reason": result.description}


async def main() -> None:
    apns = client()
    answers = [
        await asyncio.gather(*(send(apns, push) for push in batch))
        for batch in json.load(sys.stdin)
    ]
    apns.pool.close()
    json.dump(answers, sys.stdout)


asyncio.run(main())
