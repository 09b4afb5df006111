// The service behind the gateway, for judges that call an API with the tokens they get. It takes
// every order and keeps what it was told of each.
import { once } from "node:events";
import { createServer } from "node:http";

/// Listens on a port of this machine; gives the headers of each request so far, and how to end it.
export async function upstream(port) {
  const orders = [];
  const server = createServer((request, answer) => {
    orders.push(request.headers);
    request.resume();
    answer.writeHead(201, { "content-type": "application/json" }).end('{"made":true}');
  });
  server.listen(Number(port), "127.0.0.1");
  await once(server, "listening");
  const end = () => {
    server.close();
    server.closeAllConnections();
  };
  return { orders, end };
}
