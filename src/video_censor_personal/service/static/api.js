// Calls to the service this page came from. A failure is an Error that says what the service said.
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail || `The service answered ${status}.`);
    this.status = status;
    this.code = problem.code;
  }
}

export async function call(method, path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
    });
  } catch {
    throw new Error("The service cannot be reached.");
  }
  if (answer.status === 204) return null;
  const facts = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, facts);
  return facts;
}
