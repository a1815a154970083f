// Does npm's library of Standard Webhooks take these? One line of JSON each; for each "taken", or why not.
import { createInterface } from "node:readline";
import { Webhook } from "standardwebhooks";

for await (const line of createInterface({ input: process.stdin })) {
  const { secret, headers, body } = JSON.parse(line);
  try {
    const event = new Webhook(secret).verify(Buffer.from(body, "base64"), headers);
    console.log(JSON.stringify({ taken: event }));
  } catch (error) {
    console.log(JSON.stringify({ refused: error.name + ": " + error.message }));
  }
}
