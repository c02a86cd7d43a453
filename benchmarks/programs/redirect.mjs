// Loaded before atlascloud-mcp with `node --import`: that server's address is fixed in its code, so its fetch is sent
// to the sandbox instead. Nothing else of it is changed.
const origin = process.env.BENCHMARK_ORIGIN;
const real = globalThis.fetch;
globalThis.fetch = (input, init) => real(String(input).replace("https://api.atlascloud.ai", origin), init);
