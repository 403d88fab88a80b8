export function NewSearchView() {
  return <h1>New search</h1>;
}
