// Who is signed in, and the way out. Every page that acts for a person loads this first.
"use strict";

// The path below which a proxy shows the API, if any.
const PREFIX = document.documentElement.dataset.prefix || "";

function csrfToken() {
  const found = /(?:^|; )jobyard_csrf=([^;]*)/.exec(document.cookie);
  return found ? found[1] : "";
}

async function signOut() {
  await fetch(`${PREFIX}/sign-out`, { method: "POST", headers: { "X-CSRF-Token": csrfToken() } });
  location.assign(`${PREFIX}/sign-in`);
}

async function showAccount(place) {
  const reply = await fetch(`${PREFIX}/sign-in/session`, { headers: { Accept: "application/json" } });
  if (!reply.ok) return;
  const session = await reply.json();
  if (!session.signed_in) return;
  const name = document.createElement("span");
  name.textContent = session.tenant ? `${session.name} · ${session.tenant}` : session.name;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Sign out";
  button.addEventListener("click", signOut);
  place.append(name, button);
}

const account = document.getElementById("account");
if (account) showAccount(account);
