export function NotFoundView() {
  return <h1>Not found</h1>;
}
