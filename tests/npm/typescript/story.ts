// Search, buy and be refused, in the types that openapi-typescript makes of docs/openapi.json. What is wrong must not
// compile: each `@ts-expect-error` is itself an error where the line below it would be right.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type PhoneNumber = components["schemas"]["PhoneNumber"];

const api = createClient<paths>({
  baseUrl: process.env["NAMBARI_BASE_URL"] ?? "",
  headers: { "x-api-key": process.env["NAMBARI_API_KEY"] ?? "" },
});

function need<T>(value: T | undefined, error?: unknown): T {
  if (value === undefined) throw new Error(`no answer: ${JSON.stringify(error)}`);
  return value;
}

const search = await api.GET("/v1/phone-numbers/available", { params: { query: { country: "GB", type: "local" } } });
const item = need(need(search.data, search.error).phone_numbers[0]);

// @ts-expect-error country is needed
void (() => api.GET("/v1/phone-numbers/available", { params: { query: { type: "local" } } }));
// @ts-expect-error there is no such type of number
void (() => api.GET("/v1/phone-numbers/available", { params: { query: { country: "GB", type: "premium" } } }));
// @ts-expect-error a number is bought by its inventory_id
void (() => api.POST("/v1/phone-numbers", { body: { number: item.number } }));
// @ts-expect-error there is no such path
void (() => api.GET("/v1/numbers"));

const order = { inventory_id: item.inventory_id, max_total_cents: item.setup_cost_cents + item.monthly_cost_cents };
const quoted = need((await api.POST("/v1/phone-numbers", { body: { ...order, validate_only: true } })).data);
const total: number = "total_cents" in quoted ? quoted.total_cents : NaN;

const bought = await api.POST("/v1/phone-numbers", {
  body: { ...order, label: "Front desk", tags: ["sales"] },
  params: { header: { "Idempotency-Key": "order-1" } },
});
const answer = need(bought.data, bought.error);
if (!("id" in answer)) throw new Error("a quote was not asked for");
const number: PhoneNumber = answer;
const status: "active" | "pending" | "porting" | "released" | "suspended" = number.status;

const again = await api.POST("/v1/phone-numbers", { body: { inventory_id: item.inventory_id } });
const refused = need(again.error);
// Which codes an operation may answer is known when it is compiled.
const gone: boolean = refused.code === "NUMBER_NOT_AVAILABLE";

const route = await api.POST("/v1/phone-numbers/{number_id}/test-route", {
  params: { path: { number_id: number.id } },
  body: { from: "+442079460999" },
});
const outcome = need(route.data, route.error).outcome;
// `action` tells the three apart.
const cause: string =
  outcome.action === "reject" ? outcome.cause : outcome.action === "ask" ? outcome.url : outcome.sip_uri;

const changed = await api.PATCH("/v1/phone-numbers/{number_id}", {
  params: { path: { number_id: number.id } },
  body: { endpoint_id: null, allow_outbound: false },
});

const released = await api.DELETE("/v1/phone-numbers/{number_id}", { params: { path: { number_id: number.id } } });
const wrong = await api.GET("/v1/phone-numbers", { params: { query: { limit: 1000 } } });

console.log(
  JSON.stringify({
    bought: number.number,
    status,
    total,
    gone,
    requestId: refused.request_id,
    cause,
    outbound: need(changed.data, changed.error).allow_outbound,
    released: need(released.data, released.error).id === number.id,
    faults: need(wrong.error).details?.fields?.map((each) => each.field),
  }),
);
