"""What `gateway demo` prints once everything runs: where to look, and what to do there."""

from __future__ import annotations

import click

from gateway.demo.stage import AI, COLLEAGUES, OPERATOR, OPERATOR_NAME, PASSWORD, Stage

_GUIDE = """
{title}                                              Ctrl-C stops everything

{inbox}  {inbox_url}
  A stand-in for Intercom, with one conversation already running.
  1. Write as the customer: the AI, “{ai}”, answers. Ask for an order (FL-1077), shipping, returns.
  2. Assign the conversation to Aoife Byrne: from now on the AI keeps silent.
  3. Write as the customer again, then reply as Aoife.
  4. Assign it back to {ai}, then write as the customer: the AI resumes, and knows what Aoife said.
  5. As the customer: “I want a refund of 640 EUR.” The AI hands over by itself.

{shop}  {shop_url}
  A page with the web widget, bottom right, answered by {ai}, too.
  1. Ask for an order (FL-1042), shipping, anything. Reload, open a second tab: the talk is there.
  2. “Can I talk to a person?” The AI hands over: answer in the console.

{console}  {gateway_url}/console
  Sessions, Human Agents, 360 View: sign in as one of these, password  {password}
{logins}

{api}  {gateway_url}/api/v1   (its description: /api/v1/openapi.json)
  login   {operator} ({name}, admin)
  token   {token}
  Look at the sessions, then hand the running one over:
    curl -H 'Authorization: Bearer {token}' \\
      {gateway_url}/api/v1/sessions
    curl -X POST -H 'Authorization: Bearer {token}' \\
      -H 'Content-Type: application/json' -d '{{"reason": "I will take this one"}}' \\
      {gateway_url}/api/v1/sessions/{session}/handover

{files}  {folder}
  gateway.toml are the settings, demo.log is what the processes say.
"""


def guide(stage: Stage, session: str) -> str:
    """Return the text; `session` is the conversation that is running already."""
    return _GUIDE.format(
        title=click.style("The channel gateway is running.", bold=True),
        inbox=click.style("The support team's inbox", bold=True),
        shop=click.style("A shop", bold=True),
        console=click.style("The console", bold=True),
        password=PASSWORD,
        ai=AI,
        logins="\n".join(f"    {email:<30} {name}, {role}" for email, name, role in COLLEAGUES),
        api=click.style("The gateway's API", bold=True),
        files=click.style("Files", bold=True),
        inbox_url=stage.inbox_url,
        shop_url=stage.shop_url,
        gateway_url=stage.gateway_url,
        operator=OPERATOR,
        name=OPERATOR_NAME,
        token=stage.token,
        session=session,
        folder=stage.folder,
    )


_CALL = """
{title}
  Accept and answer in the console, as Aoife or Marek: {desk}
  Or as {name} at the API:
    curl -H 'Authorization: Bearer {token}' \\
      -H 'Content-Type: application/json' -d '{{"text": "Aoife here, how can I help?"}}' \\
      {session}/messages
  Put the AI back in charge, or finish:
    curl -X POST -H 'Authorization: Bearer {token}' {session}/hand_back
    curl -X POST -H 'Authorization: Bearer {token}' {session}/finish
"""


def call_for(stage: Stage, session: str) -> str:
    """Return what is printed when a visitor of the shop waits for a person."""
    return _CALL.format(
        title=click.style("A visitor of the shop waits for a person.", bold=True),
        name=OPERATOR_NAME,
        token=stage.token,
        desk=f"{stage.gateway_url}/console/human-agents/{session}",
        session=f"{stage.gateway_url}/api/v1/sessions/{session}",
    )
