export function CandidateView() {
  return <h1>Candidates</h1>;
}
