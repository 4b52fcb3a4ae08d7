// The one place that talks to the server: the control doors under /_standin.

export async function ask(path) {
  const answer = await fetch(`/_standin/${path}`, { cache: "no-store" });
  if (!answer.ok) throw new Error(`the stand-in answered ${answer.status}`);
  return answer.json();
}

export async function tell(path, body) {
  const answer = await fetch(`/_standin/${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const content = await answer.json();
  if (!answer.ok) throw new Error(content.error ? content.error.message : `status ${answer.status}`);
  return content;
}
